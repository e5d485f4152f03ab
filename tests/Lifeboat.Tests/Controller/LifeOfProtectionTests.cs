// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Agents;
using Lifeboat.Contracts.Api;
using Lifeboat.Contracts.Sites;
using Lifeboat.Controller.Peers;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;
using Lifeboat.Protection.Plans;
using Lifeboat.Protection.RecoveryPoints;
using Microsoft.Extensions.DependencyInjection;
using static Lifeboat.Tests.Controller.TwoSites;

namespace Lifeboat.Tests.Controller;

/// <summary>Protect, drill, lose the site, fail over, reprotect, fail back: over real HTTP, TLS and SQLite.</summary>
public sealed class LifeOfProtectionTests
{
    [Fact]
    public async Task An_unplanned_failover_from_a_site_that_lives_wants_a_word_and_asks_it_nothing()
    {
        await using var sites = await StartAsync();
        await sites.ProtectAsync();
        await UntilAsync(sites.B, GroupState.Protected);
        await UntilAsync(sites.B, g => g.Replica is { Connected: true });
        // A site that was asked nothing yet has heard of nobody.
        await sites.B.Services.GetRequiredService<Exchange>().WithAsync("a", Ct);
        var failover = new StartRunRequest { Kind = RunKind.Failover };
        var refused = await RefusedAsync(ReasonCode.WrongState,
            () => sites.B.Client.StartRunAsync("shop", failover, Ct));
        Assert.Contains("--source-is-dead", refused.Detail, StringComparison.Ordinal);
        Assert.Equal("a", (await sites.B.Client.GroupAsync("shop", Ct)).Definition.PrimarySite);
        // Its link is gone: the word is not wanted though its controller was heard of a moment ago.
        sites.Network.Down.Add("a");
        await UntilAsync(sites.B, g => g.Replica is { Connected: false });
        Assert.Equal(RunState.Succeeded, (await sites.RunAsync(sites.B, failover)).State);
    }

    [Fact]
    public async Task A_group_is_drilled_failed_over_and_brought_home()
    {
        await using var sites = await TwoSites.StartAsync();
        await sites.ProtectAsync();
        await UntilAsync(sites.A, GroupState.Protected);
        await UntilAsync(sites.B, GroupState.Protected);

        var drill = await sites.RunAsync(sites.B, RunKind.TestFailover);
        Assert.True(drill.State is RunState.Succeeded, $"{drill.State} {drill.Detail}");
        Assert.Empty(sites.B.Site.Bubbles);
        Assert.Equal(GroupState.Protected, (await sites.B.Client.GroupAsync("shop", Ct)).State);

        await sites.LoseAAsync();
        await UntilAsync(sites.B, g => g.Reason is ReasonCode.LinkDown);
        var failover = await sites.RunAsync(sites.B, RunKind.Failover);
        Assert.True(failover.State is RunState.Succeeded, $"{failover.State} {failover.Detail}");
        var report = (await sites.B.Client.ReportAsync(failover.Id, Ct)).Read();
        Assert.Equal(0, report.PeerRequests);
        Assert.NotNull(report.Rpo.SourceLastSeen);
        Assert.Equal(InstancePower.Running, (await sites.B.Client.InstanceAsync("db1", Ct)).Power);
        Assert.Equal(GroupState.FailedOver, (await sites.B.Client.GroupAsync("shop", Ct)).State);

        await sites.BringABackAsync();
        var home = await UntilAsync(sites.A, g => g.Definition.PrimarySite == "b");
        Assert.Equal((GroupState.FailedOver, ReasonCode.PrimaryMoved), (home.State, home.Reason));
        await RefusedAsync(ReasonCode.PrimaryMoved, () => sites.A.Client.StartInstanceAsync(new StartRequest
        {
            Instance = "db1",
            Description = home.Definition.Members[0].Description,
            Disks = [],
        }, Ct));

        var reprotect = await sites.RunAsync(sites.B, RunKind.Reprotect);
        Assert.True(reprotect.State is RunState.Succeeded, $"{reprotect.State} {reprotect.Detail}");
        await UntilAsync(sites.A, GroupState.Protected);

        var failback = await sites.RunAsync(sites.A, RunKind.Failback);
        Assert.True(failback.State is RunState.Succeeded, $"{failback.State} {failback.Detail}");
        Assert.Equal(TimeSpan.Zero, (await sites.A.Client.ReportAsync(failback.Id, Ct)).Read().Rpo.Reached);
        var end = await UntilAsync(sites.A, GroupState.Protected);
        Assert.Equal(("a", "b"), (end.Definition.PrimarySite, end.Definition.RecoverySite));
        Assert.Equal(InstancePower.Running, (await sites.A.Client.InstanceAsync("db1", Ct)).Power);
        Assert.Equal(InstancePower.Stopped, (await sites.B.Client.InstanceAsync("db1", Ct)).Power);
        await UntilAsync(sites.B, GroupState.Protected);
    }

    [Fact]
    public async Task A_failback_without_a_reprotect_before_does_it_itself()
    {
        await using var sites = await TwoSites.StartAsync();
        await sites.FailOverWithADeadAsync();
        var failback = await sites.RunAsync(sites.A, RunKind.Failback);
        Assert.True(failback.State is RunState.Succeeded, $"{failback.State} {failback.Detail}");
        Assert.Equal(2, failback.Steps.Count(s => s.Name == "wait-sealed"));
        Assert.Equal(2, (await sites.A.Client.ReportAsync(failback.Id, Ct)).Read().Resyncs.Count);
    }

    [Fact]
    public async Task Points_are_listed_cut_and_pinned_from_either_site()
    {
        await using var sites = await TwoSites.StartAsync();
        await sites.ProtectAsync();
        await UntilAsync(sites.B, GroupState.Protected);
        var cut = await sites.B.Client.CreatePointAsync("shop", new(Quiesce: true, "before upgrade"), Ct);
        Assert.Equal(Consistency.Application, cut.Point.Consistency);
        var listed = await sites.A.Client.PointsAsync("shop", Ct);
        Assert.Contains(listed, p => p.Id == cut.Point.Id && p.Label == "before upgrade");
        await sites.A.Client.PinAsync("shop", cut.Point.Id, "audit", Ct);
        Assert.Contains("audit", sites.B.Agent.Pins("shop"));
        await sites.B.Client.UnpinAsync("shop", cut.Point.Id, "audit", Ct);
        Assert.Empty(sites.B.Agent.Pins("shop"));
        await RefusedAsync(ReasonCode.PointUnknown, () => sites.A.Client.PointAsync("shop", Guid.NewGuid(), Ct));
    }

    [Fact]
    public async Task The_recovery_site_knows_the_kernel_by_its_content()
    {
        await using var sites = await TwoSites.StartAsync();
        var group = await sites.ProtectAsync();
        var kernel = group.Definition.Members[0].Description.Kernel!.KernelFile;
        Assert.StartsWith("sha256:", kernel);
        var file = Path.Combine(sites.B.Paths.Boot, kernel["sha256:".Length..]);
        Assert.Equal("kernel of db1", await File.ReadAllTextAsync(file, Ct));
    }

    [Fact]
    public async Task Deleting_a_group_leaves_nothing_at_either_site_and_the_name_free()
    {
        await using var sites = await TwoSites.StartAsync();
        await sites.ProtectAsync();
        await sites.A.Client.DeleteGroupAsync("shop", Ct);
        Assert.Empty(sites.A.Agent.Status().Sources);
        Assert.Empty(sites.B.Agent.Status().Replicas);
        await RefusedAsync(ReasonCode.GroupUnknown, () => sites.A.Client.GroupAsync("shop", Ct));
        await RefusedAsync(ReasonCode.GroupUnknown, () => sites.B.Client.GroupAsync("shop", Ct));
        Assert.Equal(InstancePower.Running, (await sites.A.Client.InstanceAsync("db1", Ct)).Power);
        var again = await sites.A.Client.CreateGroupAsync(Request(), Ct);
        Assert.True(again.Definition.Epoch > Epoch.First, "what was deleted must not come back over it");
    }

    [Fact]
    public async Task A_group_deleted_while_the_other_site_is_away_ends_there_too()
    {
        await using var sites = await TwoSites.StartAsync();
        await sites.ProtectAsync();
        await sites.B.StopControllerAsync();
        await sites.A.Client.DeleteGroupAsync("shop", Ct);
        Assert.NotEmpty(sites.B.Agent.Status().Replicas);
        await sites.B.StartControllerAsync();
        for (var i = 0; i < 100 && sites.B.Agent.Status().Replicas.Count > 0; i++) await Task.Delay(100, Ct);
        Assert.Empty(sites.B.Agent.Status().Replicas);
    }

    [Fact]
    public async Task A_recovery_site_that_lost_its_database_still_fails_over()
    {
        await using var sites = await TwoSites.StartAsync();
        await LoseAAndTheDatabaseOfBAsync(sites);
        await sites.B.StartControllerAsync();
        var points = await sites.B.Client.PointsAsync("shop", Ct);
        var view = await sites.B.Client.OpenViewAsync("shop", new ViewRequest("look", points[^1].Id, null, false), Ct);
        Assert.Equal(points[^1].Sequence, view.Sequence);
        await sites.B.Client.CloseViewAsync("shop", "look", Ct);
        var failover = await sites.RunAsync(sites.B, RunKind.Failover);
        Assert.True(failover.State is RunState.Succeeded, $"{failover.State} {failover.Detail}");
        Assert.Equal(new Epoch(2), sites.B.Agent.GetReplica("shop").Epoch);
    }

    [Fact]
    public async Task Points_are_listed_and_opened_by_a_controller_that_lost_all_it_knew()
    {
        await using var sites = await TwoSites.StartAsync();
        await LoseAAndTheDatabaseOfBAsync(sites);
        Directory.Delete(sites.B.Paths.Groups, recursive: true);
        await sites.B.StartControllerAsync();

        var points = await sites.B.Client.PointsAsync("shop", Ct);
        var view = await sites.B.Client.OpenViewAsync("shop", new ViewRequest("look", points[^1].Id, null, true), Ct);

        Assert.Equal(points[^1].Id, view.PointId);
        await sites.B.Client.CloseViewAsync("shop", "look", Ct);
        await RefusedAsync(ReasonCode.GroupUnknown, () => sites.B.Client.PointsAsync("nope", Ct));
    }

    [Fact]
    public async Task An_agent_that_lost_everything_is_told_again()
    {
        await using var sites = await TwoSites.StartAsync();
        await sites.ProtectAsync();
        await sites.A.StopControllerAsync();
        sites.A.Agent.DeleteSource("shop");
        await sites.A.StartControllerAsync();
        for (var i = 0; i < 100 && sites.A.Agent.SourceSpec("shop") is null; i++) await Task.Delay(50, Ct);
        Assert.Equal(SourcePhase.Streaming, sites.A.Agent.GetSource("shop").Phase);
    }

    [Fact]
    public async Task A_run_goes_on_when_its_controller_comes_back()
    {
        await using var sites = await TwoSites.StartAsync();
        await sites.ProtectAsync();
        await UntilAsync(sites.B, GroupState.Protected);
        var held = await sites.B.Client.StartRunAsync("shop",
            new() { Kind = RunKind.TestFailover, Hold = TimeSpan.FromHours(1) }, Ct);
        await foreach (var change in sites.B.Client.WatchRunAsync(held.Id, Ct))
            if (change.Steps.Any(s => s.Name == "hold-open" && s.State is StepState.Running)) break;
        await sites.B.StopControllerAsync();
        await sites.B.StartControllerAsync();
        await sites.B.Client.ReleaseRunAsync(held.Id, Ct);
        await foreach (var change in sites.B.Client.WatchRunAsync(held.Id, Ct))
            if (change.Finished) Assert.Equal(RunState.Succeeded, change.State);
        Assert.True((await sites.B.Client.RunAsync(held.Id, Ct)).Finished);
        Assert.Empty(sites.B.Site.Bubbles);
    }

    // The controller of the recovery site is down then.
    private static async Task LoseAAndTheDatabaseOfBAsync(TwoSites sites)
    {
        await sites.ProtectAsync();
        await UntilAsync(sites.B, GroupState.Protected);
        await sites.LoseAAsync();
        await sites.B.StopControllerAsync();
        foreach (var file in Directory.EnumerateFiles(sites.B.Paths.Root, "controller.db*")) File.Delete(file);
    }
}
