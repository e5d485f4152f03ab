// SPDX-License-Identifier: Apache-2.0
using System.Text.Json;
using System.Text.Json.Nodes;
using Lifeboat.IntegrationTests.Life;
using Lifeboat.Testing.Field;
using Lifeboat.Testing.Messaging;
using Lifeboat.Testing.Oracle;

namespace Lifeboat.IntegrationTests.Notifications;

/// <summary>
/// A real site and a real RabbitMQ, read by a listener of the real oslo.messaging. The broker is killed and the site is
/// started anew meanwhile.
/// </summary>
[Collection(LifeCollection.Name)]
public sealed class NotificationLifeTests(ITestOutputHelper output) : IAsyncLifetime
{
    private const string Faulty = "nobody\n", Good = "{}\n";
    private readonly string _directory = Directory.CreateTempSubdirectory("lb-notify-").FullName;
    private RabbitServer _rabbit = null!;
    private FieldSite _site = null!;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    private string Rules => Path.Combine(_site.Directory, "policy.yaml");

    public async ValueTask InitializeAsync()
    {
        if (RabbitServer.Missing is { } missing) Assert.Skip(missing);
        _rabbit = await RabbitServer.StartAsync(Ct);
        _site = new FieldSite("n", Path.Combine(_directory, "n"));
        await _site.InitAsync(Ct);
        var file = JsonNode.Parse(await File.ReadAllTextAsync(_site.Paths.Configuration, Ct))!;
        file["accessRules"] = "policy.yaml";
        file["notifications"] = new JsonObject
        {
            ["url"] = _rabbit.Url, ["passwordFile"] = "broker.password", ["durable"] = true,
        };
        await File.WriteAllTextAsync(_site.Paths.Configuration, file.ToJsonString(), Ct);
        await File.WriteAllTextAsync(Rules, Good, Ct);
        var password = Path.Combine(_site.Directory, "broker.password");
        await File.WriteAllTextAsync(password, _rabbit.Password + "\n", Ct);
        File.SetUnixFileMode(password, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        await _site.StartAsync(Ct);
    }

    public async ValueTask DisposeAsync()
    {
        if (_site is not null) await _site.DisposeAsync();
        if (_rabbit is not null) await _rabbit.DisposeAsync();
        Directory.Delete(_directory, recursive: true);
    }

    [Fact]
    public async Task Oslo_messaging_hears_of_everything_in_order_whatever_dies_meanwhile()
    {
        if (await OsloListener.MissingAsync(Ct) is { } missing) Assert.Skip(missing);
        // Told before anybody listens: it waits in the queue that is made for it.
        await AlertAsync(Faulty, open: true);
        await using var listener = await OsloListener.StartAsync(_directory, _rabbit, Ct);
        var first = await listener.UntilAsync(1, Ct);
        output.WriteLine(first[0]);
        var raised = JsonNode.Parse(first[0])!;
        Assert.Equal(("warn", "lifeboat.n", "lifeboat.alert.raised"), ((string?)raised["called"],
            (string?)raised["publisher_id"], (string?)raised["event_type"]));
        Assert.Equal("n", (string?)raised["payload"]!["site"]);
        Assert.Contains("the rules from before hold on", (string?)raised["payload"]!["text"]);
        Assert.NotNull((string?)raised["metadata"]!["message_id"]);

        await _rabbit.KillAsync(Ct);
        var start = TimeProvider.System.GetTimestamp();
        await AlertAsync(Good, open: false);
        // The site answers as ever, and is started anew without its broker.
        await _site.MustAsync(["site", "get"], Ct);
        Assert.True(TimeProvider.System.GetElapsedTime(start) < TimeSpan.FromMinutes(1));
        await _site.MustAsync(["site", "stop"], Ct);
        await _site.StartAsync(Ct);
        await AlertAsync(Faulty, open: true);
        await _rabbit.StartAgainAsync(Ct);
        await AlertAsync(Good, open: false);

        var all = (await listener.UntilAsync(4, Ct)).Select(l => JsonNode.Parse(l)!).ToList();
        Assert.Equal(["alert.raised", "alert.closed", "alert.raised", "alert.closed"],
            all.OrderBy(m => (long)m["payload"]!["number"]!).Where(m => (string?)m["payload"]!["state"] is not null)
                .Select(m => ((string)m["event_type"]!)["lifeboat.".Length..]));
        // Each queue by itself is in the order of the log; priorities are queues of their own.
        foreach (var queue in all.GroupBy(m => (string)m["called"]!))
            Assert.Equal(queue.Select(m => (long)m["payload"]!["number"]!).Order(),
                queue.Select(m => (long)m["payload"]!["number"]!));
    }

    [Fact]
    public async Task A_broker_that_refuses_is_told_of()
    {
        await File.WriteAllTextAsync(Path.Combine(_site.Directory, "broker.password"), "wrong\n", Ct);
        await _site.MustAsync(["site", "stop"], Ct);
        await _site.StartAsync(Ct);
        await AlertAsync(Faulty, open: true);
        for (var i = 0; i < 100 && !Warnings().Contains("ACCESS_REFUSED", StringComparison.Ordinal); i++)
            await Task.Delay(200, Ct);
        Assert.Contains("ACCESS_REFUSED", Warnings());

        string Warnings() => string.Join('\n', _site.Warnings());
    }

    // What happens at a site without instances: a file of rules gets faults, and loses them.
    private async Task AlertAsync(string rules, bool open)
    {
        await File.WriteAllTextAsync(Rules, rules, Ct);
        for (var i = 0; i < 300; i++)
        {
            using var alerts = JsonDocument.Parse(await _site.MustAsync(["alert", "list", "-o", "json"], Ct));
            if (alerts.RootElement.EnumerateArray().Any(a => a.GetProperty("kind").GetString()
                == "access-rules-faulty") == open) return;
            await Task.Delay(500, Ct);
        }
        Assert.Fail($"the alert is {(open ? "not raised" : "open still")}");
    }
}
