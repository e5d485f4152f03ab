// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Api;
using Lifeboat.Contracts.Sites;
using Lifeboat.Controller.Notifications;
using Lifeboat.Controller.Storage;
using Lifeboat.Controller.Watching;
using Lifeboat.Protection;
using Microsoft.Extensions.Logging.Abstractions;

namespace Lifeboat.Tests.Controller.Notifications;

/// <summary>Notifications while nothing answers where the broker should be.</summary>
public sealed class NotificationCourierTests : IDisposable
{
    private static readonly DateTimeOffset Noon = new(2026, 11, 30, 12, 0, 0, TimeSpan.Zero);
    private readonly string _folder = Directory.CreateTempSubdirectory("lb-note").FullName;
    private readonly ControllerDatabase _database;
    private readonly SiteEventStore _events;
    private readonly NotificationPosition _position;

    public NotificationCourierTests()
    {
        _database = new SqliteDatabase(Path.Combine(_folder, "controller.db"));
        (_events, _position) = (new SiteEventStore(_database), new NotificationPosition(_database));
    }

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task What_waits_for_long_is_an_alert_and_is_not_given_up()
    {
        Happen("before");
        using var courier = Courier("rabbit://lb@127.0.0.1:1/");
        await courier.RoundAsync(Ct);
        // What was before anybody listened is nobody's.
        Assert.Equal(1, _position.Read());
        Happen("after");
        await courier.RoundAsync(Ct);
        Assert.Equal(1, _position.Read());
        Assert.Empty(courier.Conditions(At(TimeSpan.FromMinutes(4))));
        var alert = Assert.Single(courier.Conditions(At(TimeSpan.FromMinutes(6))));
        Assert.Equal(AlertKind.NotificationsBehind, alert.Kind);
        Assert.Matches("1 notifications wait, the oldest since .*: .*refused", alert.Summary);
        _position.Write(2);
        Assert.Empty(courier.Conditions(At(TimeSpan.FromMinutes(6))));
        // It never goes back, whoever was slower.
        _position.Write(1);
        Assert.Equal(2, _position.Read());
    }

    [Fact]
    public void Without_a_broker_there_is_nothing_to_be_behind_with()
    {
        Happen("x");
        _position.Write(0);
        using var courier = Courier(null);
        Assert.Empty(courier.Conditions(At(TimeSpan.FromHours(1))));
    }

    public void Dispose()
    {
        _database.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private void Happen(string state) => Assert.Equal(1, _events.Add([new SiteEventStore.Line("group shop", state,
        new SiteEvent(0, Noon, SiteEventKind.GroupState, null, "shop", null, state, ReasonCode.None, state))]));

    private static Observation At(TimeSpan later) => new(Noon + later, "a", [], [], [], [], [], []);

    private NotificationCourier Courier(string? url) => new(new SiteConfiguration
    {
        Name = "a", Notifications = url is null ? null : new NotificationSettings { Url = url },
    }, new SitePaths(_folder), _events, _position, new HeldLeases(), TimeProvider.System,
        NullLogger<NotificationCourier>.Instance);
}
