// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Contracts.Api;
using Lifeboat.Contracts.Sites;
using Lifeboat.Controller.Storage;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;
using Lifeboat.Protection.Plans;
using Lifeboat.Recovery.Runs;
using Lifeboat.Sites;
using Microsoft.Extensions.DependencyInjection;
using static Lifeboat.Tests.Controller.TwoSites;

namespace Lifeboat.Tests.Controller;

/// <summary>Two sites of which one is emptied over the API; the runs are real, agents and guests are not.</summary>
public sealed class EvacuationTests
{
    [Fact]
    public async Task A_site_is_emptied_in_waves_and_told_of_in_audit_and_events()
    {
        await using var sites = await TwoSites.StartAsync();
        await ProtectAsync(sites, ("db", "erp"), ("app", "erp"), ("crm", null), ("web", null));
        var request = new StartEvacuationRequest { Waves = [new(1, ["crm"]), new(2, ["erp"])], Parallel = 2 };
        var plan = await sites.B.Client.PlanEvacuationAsync(request, Ct);
        Assert.Equal(["1 crm", "2 app", "2 db", "3 web"],
            plan.Waves.SelectMany(w => w.Groups.Select(g => $"{w.Number} {g.Group}")));
        Assert.Equal((RunKind.PlannedFailover, "a", 4), (plan.Kind, plan.From, plan.Unmeasured));
        Assert.Empty(plan.Problems);
        Assert.Empty(await sites.B.Client.EvacuationsAsync(Ct));

        var started = await StartAsync(sites.B, request);
        var ended = await UntilEndedAsync(sites.B, started.Id);
        Assert.True(ended.State is EvacuationState.Succeeded, Text(ended));
        Assert.All(ended.Groups, g => Assert.Equal(EvacueeState.Moved, g.State));
        foreach (var group in ended.Groups)
        {
            var run = Assert.Single(await sites.B.Client.RunsAsync(group.Group, Ct));
            Assert.Equal((group.Run, RunKind.PlannedFailover, "local"), (run.Id, run.Kind, run.RequestedBy));
            Assert.Equal("b", (await sites.B.Client.GroupAsync(group.Group, Ct)).Definition.PrimarySite);
        }
        // No wave begins before the one before it has ended.
        var runs = await sites.B.Client.RunsAsync(null, Ct);
        RunInfo Of(string group) => runs.Single(r => r.Group == group);
        Assert.True(Of("crm").FinishedAt <= Of("app").CreatedAt && Of("db").FinishedAt <= Of("web").CreatedAt);
        Assert.Equal([ended.Id], (await sites.B.Client.EvacuationsAsync(Ct)).Select(e => e.Id));

        var audit = sites.B.Services.GetRequiredService<AuditLog>().Newest(100);
        Assert.Single(audit, e => e.Subject == "/v1/evacuations" && e.Detail!.Contains("4 group(s) of a to b"));
        Assert.Equal(4, audit.Count(e => e.Detail?.Contains($"of evacuation {ended.Id}") == true));
        var told = sites.B.Services.GetRequiredService<SiteEventStore>().After(0, 10_000)
            .Where(e => e.Kind is SiteEventKind.Evacuation && e.Subject == $"{ended.Id}").ToList();
        Assert.Equal(("running", "succeeded"), (told[0].State, told.Last(e => e.Group is null).State));
        Assert.Equal(4, told.Count(e => e.Group is not null && e.State == "moved"));
        var again = await RefusedAsync(ReasonCode.InvalidRequest,
            () => sites.B.Client.StartEvacuationAsync(new() { From = "a" }, Ct));
        Assert.Equal(["no group runs at a and is recovered to b"], again.Errors);
    }

    [Fact]
    public async Task All_that_is_in_the_way_of_any_group_is_told_before_anything_runs()
    {
        await using var sites = await TwoSites.StartAsync();
        await ProtectAsync(sites, ("db", "erp"), ("app", "erp"), ("crm", null));
        await sites.A.Client.SuspendGroupAsync("crm", new("works", TimeSpan.FromHours(1)), Ct);
        var drill = await sites.B.Client.StartRunAsync("db",
            new StartRunRequest { Kind = RunKind.TestFailover, Hold = TimeSpan.FromHours(1) }, Ct);
        await UntilAsync(sites.B, "crm", g => g.State is GroupState.Suspended);
        // Enough for each of them, and not for all.
        sites.B.Site.MemoryFreeMiB = 600;

        var refused = await RefusedAsync(ReasonCode.InvalidRequest, () => sites.B.Client.StartEvacuationAsync(new()
        {
            From = "a",
            Groups = ["db", "app", "crm", "none"],
            Waves = [new(1, ["db"]), new(2, ["app"])],
            Parallel = 0,
            Checks = ["ping"],
        }, Ct));
        var all = string.Join('\n', refused.Errors!);
        foreach (var wanted in new[]
        {
            "there is no group 'none'", "parallel is 0; allowed is 1 to 64", "application erp is in several waves",
            "check 'ping'", $"group db has a run under way: {drill.Id}", "group crm is suspended",
            "memory: 768 MiB wanted, 600 MiB free",
        })
            Assert.Contains(wanted, all, StringComparison.Ordinal);
        Assert.Empty(await sites.B.Client.EvacuationsAsync(Ct));
        Assert.Equal([drill.Id], (await sites.B.Client.RunsAsync(null, Ct)).Select(r => r.Id));
        // What the sites are in is another refusal than a request that is at fault.
        sites.B.Site.MemoryFreeMiB = 64 << 10;
        var state = await RefusedAsync(ReasonCode.WrongState,
            () => sites.B.Client.StartEvacuationAsync(new() { Except = ["db"] }, Ct));
        Assert.Contains("group crm is suspended", Assert.Single(state.Errors!), StringComparison.Ordinal);
        Assert.Contains("application erp is moved in part: db stay at a",
            (await sites.B.Client.PlanEvacuationAsync(new() { Except = ["db"] }, Ct)).Notes);
        await RefusedAsync(ReasonCode.InvalidRequest, () => sites.A.Client.StartEvacuationAsync(new(), Ct));
        await sites.B.Client.ReleaseRunAsync(drill.Id, Ct);
    }

    [Fact]
    public async Task Admins_hold_pause_and_cancel_and_a_drill_is_waited_for()
    {
        await using var sites = await TwoSites.StartAsync();
        await ProtectAsync(sites, ("g1", null), ("g2", null), ("g3", null));
        var started = await sites.B.Client.StartEvacuationAsync(new()
        {
            Waves = [new(1, ["g1"]), new(2, ["g2"]), new(3, ["g3"])],
            HoldBetweenWaves = true,
        }, Ct);
        var held = await UntilAsync(sites.B, started.Id, e => e.State is EvacuationState.Holding);
        Assert.Equal([EvacueeState.Moved, EvacueeState.Waiting, EvacueeState.Waiting],
            held.Groups.Select(g => g.State));
        await UntilAlertAsync(sites.B, a => a is [{ Severity: AlertSeverity.Warning } waits]
            && waits.Summary.Contains("wave 1 of 3 has ended, 1 of 3 groups are moved", StringComparison.Ordinal));
        var taken = await RefusedAsync(ReasonCode.WrongState,
            () => sites.B.Client.StartEvacuationAsync(new() { Groups = ["g3"] }, Ct));
        Assert.Equal([$"group g3 is in evacuation {started.Id}, which is under way"], taken.Errors);

        // Its turn comes while a drill is under way: it waits, and says for what.
        var drill = await sites.B.Client.StartRunAsync("g2",
            new StartRunRequest { Kind = RunKind.TestFailover, Hold = TimeSpan.FromHours(1) }, Ct);
        await sites.B.Client.ContinueEvacuationAsync(started.Id, Ct);
        await UntilAsync(sites.B, started.Id, e => e.Groups[1].Reason is ReasonCode.RunInProgress);
        await sites.B.Client.ReleaseRunAsync(drill.Id, Ct);
        await UntilAsync(sites.B, started.Id, e => e.Groups[1].State is EvacueeState.Moved);

        await UntilAsync(sites.B, started.Id, e => e.State is EvacuationState.Holding);
        Assert.Equal(EvacuationState.Paused, (await sites.B.Client.PauseEvacuationAsync(started.Id, Ct)).State);
        Assert.Equal(EvacuationState.Holding, (await sites.B.Client.ResumeEvacuationAsync(started.Id, Ct)).State);
        await RefusedAsync(ReasonCode.WrongState, () => sites.B.Client.ResumeEvacuationAsync(started.Id, Ct));
        await sites.B.Client.CancelEvacuationAsync(started.Id, Ct);
        var ended = await UntilEndedAsync(sites.B, started.Id);
        Assert.Equal((EvacuationState.Cancelled, EvacueeState.Skipped), (ended.State, ended.Groups[2].State));
        Assert.Empty(await sites.B.Client.RunsAsync("g3", Ct));
        await RefusedAsync(ReasonCode.WrongState, () => sites.B.Client.CancelEvacuationAsync(started.Id, Ct));
        await RefusedAsync(ReasonCode.EvacuationUnknown, () => sites.B.Client.EvacuationAsync(Guid.NewGuid(), Ct));
    }

    [Fact]
    public async Task A_group_that_fails_leaves_the_later_waves_where_they_are()
    {
        await using var sites = await TwoSites.StartAsync();
        await ProtectAsync(sites, ("g1", null), ("g2", null), ("g3", null));
        // The first to be shut down is the first of the first wave.
        sites.A.Site.FailNext(nameof(ISite.ShutDownAsync), SiteFault.Refused);
        var started = await sites.B.Client.StartEvacuationAsync(
            new() { Waves = [new(1, ["g1", "g2"]), new(2, ["g3"])], Parallel = 1 }, Ct);
        var ended = await UntilEndedAsync(sites.B, started.Id);
        Assert.True(ended.State is EvacuationState.Failed, Text(ended));
        Assert.Equal([EvacueeState.Failed, EvacueeState.Moved, EvacueeState.Skipped],
            ended.Groups.Select(g => g.State));
        Assert.Contains("stopped at the failure in wave 1", ended.Detail, StringComparison.Ordinal);
        Assert.Equal("a", (await sites.B.Client.GroupAsync("g1", Ct)).Definition.PrimarySite);
        await UntilAlertAsync(sites.B, a => a is [{ Severity: AlertSeverity.Critical } left]
            && left.Summary.Contains("2 of 3 groups were not moved: g1, g3", StringComparison.Ordinal));
        // The next one is about those that are left.
        await UntilProtectedAsync(sites, "g1");
        await UntilEndedAsync(sites.B, (await sites.B.Client.StartEvacuationAsync(new(), Ct)).Id);
        Assert.Equal("b", (await sites.B.Client.GroupAsync("g3", Ct)).Definition.PrimarySite);
        await UntilAlertAsync(sites.B, a => a.Count == 0);
    }

    [Fact]
    public async Task A_dead_site_is_asked_nothing_and_a_controller_that_starts_again_goes_on()
    {
        await using var sites = await TwoSites.StartAsync();
        await ProtectAsync(sites, ("g1", null), ("g2", null), ("g3", null), ("g4", null));
        await sites.LoseAAsync();
        await UntilAsync(sites.B, "g1", g => g.State is GroupState.Degraded);
        var living = await RefusedAsync(ReasonCode.WrongState, () => sites.B.Client.StartEvacuationAsync(new(), Ct));
        Assert.Contains(living.Errors!, e => e.Contains("--source-is-dead", StringComparison.Ordinal));
        var started = await StartAsync(sites.B, new() { From = "a", SourceIsDead = true, Parallel = 1 });
        for (var restarts = 0; restarts < 3; restarts++)
        {
            await Task.Delay(700, Ct);
            await sites.B.StopControllerAsync();
            await sites.B.StartControllerAsync();
        }
        var ended = await UntilEndedAsync(sites.B, started.Id);
        Assert.True(ended.State is EvacuationState.Succeeded, Text(ended));
        foreach (var group in ended.Groups)
        {
            var run = Assert.Single(await sites.B.Client.RunsAsync(group.Group, Ct));
            Assert.Equal((group.Run, RunKind.Failover), (run.Id, run.Kind));
            Assert.Equal(0, (await sites.B.Services.GetRequiredService<IRunStore>().FindAsync(run.Id, Ct))!
                .PeerRequests);
        }
        Assert.Equal(4, sites.B.Site.Boots);
    }

    // A refusal fails the test by all that it says.
    private static async Task<EvacuationInfo> StartAsync(TestSite at, StartEvacuationRequest request)
    {
        try
        {
            return await at.Client.StartEvacuationAsync(request, Ct);
        }
        catch (ProblemException e)
        {
            Assert.Fail($"{e.Message}: {string.Join("; ", e.Errors ?? [])}");
            throw;
        }
    }

    internal static async Task ProtectAsync(TwoSites sites, params (string Name, string? Application)[] groups)
    {
        foreach (var (name, application) in groups)
        {
            await sites.A.Client.AdoptAsync(
                new AdoptRequest(name, sites.A.RunGuest(name, "vda"), $"/{name}/qga.sock"), Ct);
            await sites.A.Client.CreateGroupAsync(new CreateGroupRequest
            {
                Name = name,
                RecoverySite = "b",
                Application = application,
                Members = [new MemberRequest(name)],
            }, Ct);
        }
        foreach (var (name, _) in groups) await UntilProtectedAsync(sites, name);
    }

    /// <summary>As lists tell it, which is what a plan goes by: agents are asked for all groups once a second at
    /// most, so that a list may be a second behind what is told of one group.</summary>
    internal static async Task UntilProtectedAsync(TwoSites sites, string group)
    {
        foreach (var site in new[] { sites.B, sites.A })
            await UntilAsync(site, group, g => g.State is GroupState.Protected,
                async () => (await site.Client.GroupsAsync(Ct)).Single(g => g.Definition.Name == group));
    }

    internal static Task<GroupInfo> UntilAsync(TestSite at, string group, Func<GroupInfo, bool> holds) =>
        UntilAsync(at, group, holds, () => at.Client.GroupAsync(group, Ct));

    private static async Task<GroupInfo> UntilAsync(TestSite at, string group, Func<GroupInfo, bool> holds,
        Func<Task<GroupInfo>> ask)
    {
        var since = TimeProvider.System.GetTimestamp();
        while (true)
        {
            var info = await ask();
            if (holds(info)) return info;
            Assert.True(TimeProvider.System.GetElapsedTime(since) < TimeSpan.FromSeconds(30),
                $"{group} at {at.Name}: still {info.State} ({info.Reason}, {info.Detail})");
            await Task.Delay(100, Ct);
        }
    }

    private static async Task UntilAlertAsync(TestSite at, Func<IReadOnlyList<Alert>, bool> holds)
    {
        var since = TimeProvider.System.GetTimestamp();
        IReadOnlyList<Alert> told;
        while (!holds(told = [.. (await at.Client.AlertsAsync(false, null, Ct))
            .Where(a => a.Kind is AlertKind.EvacuationUnfinished)]))
        {
            Assert.True(TimeProvider.System.GetElapsedTime(since) < TimeSpan.FromSeconds(30),
                string.Join("; ", told.Select(a => $"{a.Severity} {a.Summary}")));
            await Task.Delay(100, Ct);
        }
    }

    internal static Task<EvacuationInfo> UntilEndedAsync(TestSite at, Guid id) => UntilAsync(at, id, e => e.Finished);

    internal static Task<EvacuationInfo> UntilAsync(TestSite at, Guid id, Func<EvacuationInfo, bool> holds) =>
        UntilAsync(at.Client, id, holds);

    internal static async Task<EvacuationInfo> UntilAsync(ControllerClient at, Guid id,
        Func<EvacuationInfo, bool> holds)
    {
        var since = TimeProvider.System.GetTimestamp();
        while (true)
        {
            var info = await at.EvacuationAsync(id, Ct);
            if (holds(info)) return info;
            Assert.True(TimeProvider.System.GetElapsedTime(since) < TimeSpan.FromSeconds(60), Text(info));
            await Task.Delay(100, Ct);
        }
    }

    internal static string Text(EvacuationInfo e) => $"{e.State}, wave {e.Wave}, {e.Detail}: "
        + string.Join("; ", e.Groups.Select(g => $"{g.Group} {g.State} {g.Reason} {g.Detail}"));
}
