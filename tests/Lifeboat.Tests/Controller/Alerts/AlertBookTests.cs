// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Contracts.Api;
using Lifeboat.Controller.Alerts;
using Lifeboat.Controller.Storage;
using Lifeboat.Protection;
using Lifeboat.Tests.Linking;
using Microsoft.Extensions.Logging.Abstractions;

namespace Lifeboat.Tests.Controller.Alerts;

public sealed class AlertBookTests : IDisposable
{
    private static readonly DateTimeOffset Start = new(2026, 11, 29, 12, 0, 0, TimeSpan.Zero);

    private readonly string _folder = Directory.CreateTempSubdirectory("lb-alerts").FullName;
    private readonly ControllerDatabase _database;
    private readonly AlertStore _store;
    private readonly AlertDeliveries _deliveries;
    private readonly AlertTargets _targets;
    private AlertBook _book;

    public AlertBookTests()
    {
        _database = new SqliteDatabase(Path.Combine(_folder, "controller.db"));
        (_store, _deliveries) = (new AlertStore(_database), new AlertDeliveries(_database));
        Directory.CreateDirectory(Path.Combine(_folder, "ca"));
        _targets = new AlertTargets(_database, new TargetSecrets(new SitePaths(_folder)), _deliveries);
        _book = Book();
    }

    [Fact]
    public void An_alert_is_raised_after_its_patience_once_and_closed_when_it_is_over()
    {
        See(0, Lag());
        Assert.Empty(Open());
        for (var at = 5; at <= 60; at += 5) See(at, Lag());
        var alert = Assert.Single(Open());
        Assert.Equal(Start, alert.Since);
        Assert.Equal((AlertKind.RpoMissed, "shop", "shop"), (alert.Kind, alert.Subject, alert.Group));

        See(65);
        Assert.Single(Open());   // one look without it is none yet
        See(75);
        Assert.Empty(Open());
        var over = Assert.Single(_store.List(over: true, "shop", 10));
        Assert.Equal((AlertBook.Rule, Start.AddSeconds(75)), (over.ClosedBy, over.ClosedAt));
        Assert.Equal(["alert-closed", "alert-raised"], SealedStores.Audit(_database).Newest(9).Select(e => e.Action));
    }

    [Fact]
    public void What_comes_and_goes_within_its_patience_is_nothing()
    {
        for (var at = 0; at < 100; at += 10)
        {
            See(at, Lag());
            See(at + 5);
        }
        Assert.Empty(_store.List(over: true, null, 10));
    }

    [Fact]
    public void Closed_by_hand_it_keeps_quiet_while_it_holds_and_is_raised_anew_after_it_was_over()
    {
        See(0, Lag());
        See(20, Lag());
        var first = Open().Single();
        Assert.Equal("eve", _book.Close(first.Id, "eve").ClosedBy);
        for (var at = 25; at < 60; at += 5) See(at, Lag());
        Assert.Empty(Open());

        See(70);
        See(80);
        See(85, Lag());
        See(100, Lag());
        Assert.NotEqual(first.Id, Open().Single().Id);
    }

    [Fact]
    public void A_restart_neither_raises_it_twice_nor_forgets_who_knows_of_it()
    {
        See(0, Lag());
        See(20, Lag());
        _book.Acknowledge(Open().Single().Id, "eve");
        _book = Book();
        See(25, Lag());
        var alert = Assert.Single(Open());
        Assert.Equal("eve", alert.AcknowledgedBy);

        _book = Book();
        See(60);
        Assert.Empty(Open());
    }

    [Fact]
    public void One_that_got_worse_says_so()
    {
        See(0, Lag());
        See(20, Lag());
        See(25, Lag() with { Severity = AlertSeverity.Critical, Summary = "worse" });
        Assert.Equal((AlertSeverity.Critical, "worse"), (Open().Single().Severity, Open().Single().Summary));
    }

    [Fact]
    public void An_unknown_alert_is_refused()
    {
        Assert.Equal(ReasonCode.InvalidRequest,
            Assert.Throws<ProblemException>(() => _book.Close(Guid.Empty, "eve")).Reason);
        Assert.Throws<ProblemException>(() => _book.Acknowledge(Guid.Empty, "eve"));
    }

    [Fact]
    public void Targets_get_what_is_severe_enough_for_them()
    {
        _targets.Put("all", Webhook() with { Least = AlertSeverity.Info });
        _targets.Put("worst", Webhook() with { Least = AlertSeverity.Critical });
        See(0, Lag());
        See(20, Lag());
        Assert.Equal(["all"], _deliveries.Due(Start.AddSeconds(20)).Select(d => d.Delivery.Target));
    }

    [Fact]
    public void Whoever_is_to_hear_of_an_alert_hears_of_it_though_its_controller_ended_right_after_it()
    {
        _targets.Put("all", Webhook());
        See(0, Lag());
        using (var connection = _database.Open())
        using (var command = connection.CreateCommand())
        {
            // What comes after the alert does not come to pass any more.
            command.CommandText = "DROP TABLE audit";
            command.ExecuteNonQuery();
        }
        Assert.ThrowsAny<System.Data.Common.DbException>(() => See(20, Lag()));
        Assert.Single(Open());
        Assert.Equal("all", Assert.Single(_deliveries.Due(Start.AddSeconds(20))).Delivery.Target);
    }

    [Fact]
    public void A_tenant_sees_its_own_however_many_others_have()
    {
        See(0, Lag() with { Group = "acme_shop", Subject = "acme_shop" });
        See(20, Lag() with { Group = "acme_shop", Subject = "acme_shop" });
        Condition[] many = [.. Enumerable.Range(0, 30).Select(i => Lag() with { Group = $"g{i}", Subject = $"g{i}" })];
        See(30, [Lag() with { Group = "acme_shop", Subject = "acme_shop" }, .. many]);
        See(50, [Lag() with { Group = "acme_shop", Subject = "acme_shop" }, .. many]);
        Assert.DoesNotContain(_store.List(over: false, null, 10), a => a.Group == "acme_shop");
        Assert.Equal("acme_shop", Assert.Single(_store.List(over: false, null, 10, "acme")).Group);
    }

    [Fact]
    public void All_faults_of_a_target_are_told_at_once_and_its_secret_is_neither_shown_nor_stored_open()
    {
        var refused = Assert.Throws<ProblemException>(() => _targets.Put("No good", new AlertTargetRequest
        {
            Kind = AlertTargetKind.Mail,
            Server = "mail",
            From = "nobody",
            User = "u",
            Security = MailSecurity.None,
            Url = "http://x",
        }));
        Assert.Equal(6, refused.Errors!.Count);
        Assert.Throws<ProblemException>(() => _targets.Put("hook", Webhook() with { Secret = "short" }));

        _targets.Put("hook", Webhook() with { Url = "https://chat.example/services/T0/B1/secret" });
        _targets.Put("hook", Webhook() with { Secret = null, Url = "https://chat.example/services/T0/B1/secret" });
        var shown = Assert.Single(_targets.Describe());
        Assert.True(shown.HasSecret);
        Assert.Equal("https://chat.example/…", shown.Url);
        _database.Dispose();
        Assert.DoesNotContain("0123456789abcdef", File.ReadAllText(Path.Combine(_folder, "controller.db"),
            System.Text.Encoding.Latin1), StringComparison.Ordinal);
    }

    private static AlertTargetRequest Webhook() => new()
    {
        Kind = AlertTargetKind.Webhook,
        Url = "http://127.0.0.1:1/hook",
        Secret = "0123456789abcdef",
    };

    private static Condition Lag() => new(AlertKind.RpoMissed, AlertSeverity.Warning, "shop", ReasonCode.LinkDown,
        "behind", "look")
    { Group = "shop" };

    private IReadOnlyList<Alert> Open() => _store.List(over: false, null, 10);

    private void See(int seconds, params Condition[] conditions) =>
        _book.Apply(conditions, "a", Start.AddSeconds(seconds));

    private AlertBook Book() => new(_store, _deliveries, SealedStores.Audit(_database),
        [_deliveries], new HandClock(), NullLogger<AlertBook>.Instance);

    public void Dispose()
    {
        _database.Dispose();
        Directory.Delete(_folder, recursive: true);
    }
}
