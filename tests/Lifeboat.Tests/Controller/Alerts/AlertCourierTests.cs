// SPDX-License-Identifier: Apache-2.0
using System.Text.Json;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Api;
using Lifeboat.Controller.Alerts;
using Lifeboat.Controller.Leases;
using Lifeboat.Controller.Storage;
using Lifeboat.Protection;
using Lifeboat.Tests.Linking;
using Microsoft.Extensions.Logging.Abstractions;

namespace Lifeboat.Tests.Controller.Alerts;

public sealed class AlertCourierTests : IDisposable
{
    private const string Secret = "0123456789abcdef";

    private readonly string _folder = Directory.CreateTempSubdirectory("lb-courier").FullName;
    private readonly HandClock _time = new();
    private readonly ControllerDatabase _database;
    private readonly AlertDeliveries _deliveries;
    private readonly AlertTargets _targets;
    private readonly TargetSecrets _secrets;

    public AlertCourierTests()
    {
        Directory.CreateDirectory(Path.Combine(_folder, "ca"));
        _database = new SqliteDatabase(Path.Combine(_folder, "controller.db"));
        _secrets = new TargetSecrets(new SitePaths(_folder));
        _deliveries = new AlertDeliveries(_database);
        _targets = new AlertTargets(_database, _secrets, _deliveries);
    }

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_webhook_is_told_once_with_a_signature_that_it_can_check()
    {
        await using var hook = await HookServer.StartAsync(Ct);
        hook.Answers.Enqueue(503);   // it comes back within the attempt
        Put(hook);
        _deliveries.Add("raised", Alert(), _time.GetUtcNow());
        await RoundAsync();
        await RoundAsync();

        Assert.Equal(2, hook.Got.Count);
        Assert.Single(hook.Got.Select(g => g.Delivery).Distinct());
        var (signature, _, body) = hook.Got.Last();
        var seconds = _time.GetUtcNow().ToUnixTimeSeconds();
        Assert.Equal($"t={seconds},v1={WebhookSender.Sign(Secret, seconds, body)}", signature);
        var told = JsonSerializer.Deserialize<AlertMessage>(body, ContractJson.Options)!;
        Assert.Equal(("raised", "shop", AlertKind.RpoMissed), (told.Happening, told.Alert.Subject, told.Alert.Kind));
        Assert.Equal(DeliveryState.Delivered, Assert.Single(_deliveries.List(null, 9)).State);
    }

    // Computed apart from our code: printf '1700000000.{}' | openssl dgst -sha256 -hmac 0123456789abcdef
    [Fact]
    public void The_signature_is_the_one_that_openssl_makes() => Assert.Equal(
        "e4f8e2ecae2295b2ddb2f0b5584c8275e226c0ebe9b3b819e70156bb67122e3e",
        WebhookSender.Sign(Secret, 1_700_000_000, "{}"));

    [Fact]
    public async Task What_is_refused_again_and_again_is_given_up_and_seen()
    {
        await using var hook = await HookServer.StartAsync(Ct);
        for (var i = 0; i < 20; i++) hook.Answers.Enqueue(404);
        Put(hook);
        _deliveries.Add("raised", Alert(), _time.GetUtcNow());
        foreach (var pause in AlertDeliveries.Pauses)
        {
            await RoundAsync();
            await RoundAsync();   // not before its time
            _time.Advance(pause);
        }
        await RoundAsync();
        Assert.Equal(AlertDeliveries.Pauses.Count + 1, hook.Got.Count);
        var dead = Assert.Single(_deliveries.List(DeliveryState.Dead, 9));
        Assert.Equal("it answered 404", dead.Error);
        Assert.Equal((0, 1), (_targets.Describe()[0].Waiting, _targets.Describe()[0].Dead));
        Assert.Equal(AlertKind.DeliveryFailed, Assert.Single(_deliveries.Conditions(Sight.At("a"))).Kind);

        _targets.Remove("hook");
        Assert.Empty(_deliveries.List(null, 9));
    }

    [Fact]
    public async Task A_target_that_is_down_gets_everything_in_order_when_it_is_back()
    {
        await using var hook = await HookServer.StartAsync(Ct);
        Put(hook);
        hook.Answers.Enqueue(401);
        _deliveries.Add("raised", Alert(), _time.GetUtcNow());
        _time.Advance(TimeSpan.FromSeconds(1));
        _deliveries.Add("closed", Alert(), _time.GetUtcNow());
        await RoundAsync();
        Assert.Single(hook.Got);   // the second waits behind the first
        _time.Advance(TimeSpan.FromMinutes(1));
        await RoundAsync();
        Assert.Equal(["raised", "raised", "closed"], hook.Got.Select(g =>
            JsonSerializer.Deserialize<AlertMessage>(g.Body, ContractJson.Options)!.Happening));
    }

    [Fact]
    public async Task A_target_that_is_down_takes_no_other_ones_place()
    {
        await using var hook = await HookServer.StartAsync(Ct);
        Put(hook);
        _targets.Put("down", new AlertTargetRequest
        {
            Kind = AlertTargetKind.Webhook, Url = "http://127.0.0.1:1/none", Secret = Secret,
        });
        for (var i = 0; i < 150; i++) _deliveries.Add("raised", Alert(), "down", _time.GetUtcNow());
        _time.Advance(TimeSpan.FromSeconds(1));
        _deliveries.Add("raised", Alert(), "hook", _time.GetUtcNow());
        Assert.Contains(_deliveries.Due(_time.GetUtcNow()), d => d.Delivery.Target == "hook");
    }

    [Fact]
    public async Task What_nobody_foresaw_counts_as_an_attempt_and_is_shown()
    {
        _targets.Put("odd", new AlertTargetRequest
        {
            Kind = AlertTargetKind.Webhook, Url = "http://127.0.0.1:1/none", Secret = Secret,
        });
        _deliveries.Add("raised", Alert(), "odd", _time.GetUtcNow());
        using var courier = new AlertCourier(_deliveries, _targets, _secrets, [new OddSender()], new HeldLeases(),
            _time, NullLogger<AlertCourier>.Instance);
        await courier.RoundAsync(Ct);
        var shown = Assert.Single(_deliveries.List(null, 9));
        Assert.Equal((1, "NotSupportedException: no such authentication"), (shown.Attempts, shown.Error));
    }

    /// <summary>Fails as a mail server without authentication makes MailKit fail.</summary>
    private sealed class OddSender : IAlertSender
    {
        public AlertTargetKind Kind => AlertTargetKind.Webhook;
        public Task SendAsync(AlertTargetRequest target, string? secret, AlertMessage message, CancellationToken ct) =>
            throw new NotSupportedException("no such authentication");
    }

    private void Put(HookServer hook) => _targets.Put("hook", new AlertTargetRequest
    {
        Kind = AlertTargetKind.Webhook,
        Url = hook.Url,
        Secret = Secret,
    });

    private async Task RoundAsync()
    {
        using var webhooks = new WebhookSender(_time);
        using var courier = new AlertCourier(_deliveries, _targets, _secrets, [webhooks, new MailSender()],
            new HeldLeases(), _time,
            NullLogger<AlertCourier>.Instance);
        await courier.RoundAsync(Ct);
    }

    private Alert Alert() => new()
    {
        Id = Guid.CreateVersion7(_time.GetUtcNow()),
        Kind = AlertKind.RpoMissed,
        Severity = AlertSeverity.Critical,
        Reason = ReasonCode.LinkDown,
        Site = "a",
        Subject = "shop",
        Summary = "behind",
        Advice = "look",
        Since = _time.GetUtcNow(),
        LastSeen = _time.GetUtcNow(),
    };

    public void Dispose()
    {
        _database.Dispose();
        Directory.Delete(_folder, recursive: true);
    }
}
