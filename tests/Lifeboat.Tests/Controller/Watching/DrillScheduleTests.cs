// SPDX-License-Identifier: Apache-2.0
using Dapper;
using Lifeboat.Contracts.Api;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;
using Lifeboat.Protection.Plans;
using Microsoft.Data.Sqlite;
using static Lifeboat.Tests.Controller.TwoSites;

namespace Lifeboat.Tests.Controller.Watching;

/// <summary>Drills by calendar, on real controllers; what was due lies in the past, as after a night.</summary>
public sealed class DrillScheduleTests
{
    [Fact]
    public async Task What_was_due_while_no_controller_ran_is_done_once_and_what_is_in_the_way_is_told()
    {
        await using var sites = await TwoSites.StartAsync();
        await sites.ProtectAsync();
        await UntilAsync(sites.B, GroupState.Protected);
        await DueSinceAsync(sites, "0 3 * * *");
        var caughtUp = await UntilAsync(sites.B, g => g.Drills is { LastDue: not null, Last: not null });
        var due = caughtUp.Drills!.LastDue!;
        Assert.Equal((DueOutcome.Started, caughtUp.Drills.Last!.Run, true),
            (due.Outcome, due.Run, caughtUp.Drills.Last.Passed));
        Assert.InRange(due.Missed, 1, 2);
        Assert.True(caughtUp.Drills.NextDue > TimeProvider.System.GetUtcNow());

        // As if it had been killed after the run was started, before that was noted.
        await DueSinceAsync(sites, "0 3 * * *");
        await Task.Delay(TimeSpan.FromSeconds(1), Ct);
        Assert.Single(await sites.B.Client.RunsAsync("shop", Ct));

        var held = await sites.B.Client.StartRunAsync("shop", new StartRunRequest
        {
            Kind = RunKind.TestFailover,
            Hold = TimeSpan.FromHours(1),
        }, Ct);
        await DueSinceAsync(sites, "1 3 * * *");
        var skipped = await UntilAsync(sites.B, g => g.Drills!.LastDue!.Outcome is DueOutcome.Skipped);
        Assert.Equal(ReasonCode.RunInProgress, skipped.Drills!.LastDue!.Reason);
        await sites.B.Client.CancelRunAsync(held.Id, Ct);

        var level = await sites.B.Client.ServiceLevelAsync("shop", null, Ct);
        Assert.Equal((1, 0), (level.DrillsPassed, level.DrillsFailed));
        var month = TimeProvider.System.GetUtcNow().ToString("yyyy-MM");
        var usage = await sites.B.Client.UsageAsync(month, Ct);
        Assert.Equal(month, usage.Month);
        Assert.True(Assert.Single(usage.Lines).DrillInstanceHours > 0);
    }

    [Fact]
    public async Task A_calendar_that_cannot_be_read_is_refused()
    {
        await using var sites = await TwoSites.StartAsync();
        await sites.ProtectAsync();
        var refused = await RefusedAsync(ReasonCode.InvalidRequest, () => sites.A.Client.ChangePolicyAsync("shop",
            new PolicyChange { DrillCalendar = "sundays", DrillTimeZone = "Nowhere" }, Ct));
        Assert.Equal(2, refused.Errors!.Count);
        await RefusedAsync(ReasonCode.GroupUnknown, () => sites.A.Client.ServiceLevelAsync("nobody", null, Ct));
        await RefusedAsync(ReasonCode.InvalidRequest, () => sites.A.Client.UsageAsync("yesterday", Ct));
        await RefusedAsync(ReasonCode.PricesUnknown, () => sites.A.Client.PricesAsync(Ct));
    }

    private static async Task DueSinceAsync(TwoSites sites, string calendar)
    {
        await sites.A.Client.ChangePolicyAsync("shop", new PolicyChange { DrillCalendar = calendar }, Ct);
        await UntilAsync(sites.B, g => g.Drills?.Calendar == calendar);
        await sites.B.StopControllerAsync();
        using (var database = new SqliteConnection($"Data Source={sites.B.Paths.ControllerDatabase};Pooling=False"))
            database.Execute("""
                INSERT INTO drill_calendars(name, calendar, since) VALUES('shop', @Text, @Since)
                ON CONFLICT(name) DO UPDATE SET calendar = excluded.calendar, since = excluded.since
                """, new
            {
                Text = calendar + " ",
                Since = TimeProvider.System.GetUtcNow().AddDays(-2.5).ToUnixTimeMilliseconds(),
            });
        await sites.B.StartControllerAsync();
    }
}
