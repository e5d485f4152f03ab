// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Api;
using Lifeboat.Contracts.Sites;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;
using Lifeboat.Protection.Plans;
using Lifeboat.Sites;
using static Lifeboat.Tests.Controller.TwoSites;

namespace Lifeboat.Tests.Controller;

/// <summary>What is missing where instances are to run is told of all of them, and before anything runs.</summary>
public sealed class PlanGapsTests
{
    [Fact]
    public async Task A_run_that_would_miss_something_begins_only_when_it_is_said_to()
    {
        await using var sites = await TwoSites.StartAsync();
        await ProtectTwoAsync(sites);
        await UntilAsync(sites.B, GroupState.Protected);
        // Each of them fits, both do not; and one network is not there.
        sites.B.Site.MemoryFreeMiB = 300;
        sites.B.Site.Networks.Remove("default");
        sites.B.Site.Notes = ["db1: flavor 'large' is 'huge' here"];
        string[] gaps =
        [
            "db1, web1: memory: 512 MiB wanted, 300 MiB free", "db1, web1: network 'default' is not at this site",
        ];
        foreach (var kind in new[] { RunKind.TestFailover, RunKind.Failover, RunKind.PlannedFailover })
        {
            var request = new StartRunRequest { Kind = kind, SourceIsDead = kind is RunKind.Failover };
            var plan = await sites.B.Client.PlanAsync("shop", request, Ct);
            Assert.Equal(gaps, plan.Gaps);
            Assert.Equal(sites.B.Site.Notes, plan.Notes);
            Assert.NotEmpty(plan.Steps);
            var refused = await RefusedAsync(ReasonCode.PlanGaps,
                () => sites.B.Client.StartRunAsync("shop", request, Ct));
            Assert.Equal(gaps, refused.Errors);
        }
        Assert.Empty(await sites.B.Client.RunsAsync("shop", Ct));
        Assert.Equal(InstancePower.Running, (await sites.A.Client.InstanceAsync("db1", Ct)).Power);
        Assert.Equal("a", (await sites.B.Client.GroupAsync("shop", Ct)).Definition.PrimarySite);

        // What fits comes up: better than nothing, for who says so.
        sites.B.Site.Networks.Add("default");
        var asked = new StartRunRequest { Kind = RunKind.PlannedFailover };
        await RefusedAsync(ReasonCode.PlanGaps, () => sites.B.Client.StartRunAsync("shop", asked, Ct));
        var run = await sites.RunAsync(sites.B, asked with { DespiteGaps = true });
        Assert.True(run.State is RunState.Succeeded, $"{run.State} {run.Detail}");
    }

    [Fact]
    public async Task A_cloud_that_is_away_when_a_run_is_asked_for_is_waited_for_by_its_steps()
    {
        await using var sites = await TwoSites.StartAsync();
        await sites.ProtectAsync();
        await UntilAsync(sites.B, GroupState.Protected);
        sites.B.Site.FailNext(nameof(ISite.FitAsync), SiteFault.CloudUnavailable);
        Assert.Equal(RunState.Succeeded, (await sites.RunAsync(sites.B, RunKind.TestFailover)).State);
        // What will not pass by itself is said at once.
        sites.B.Site.FailNext(nameof(ISite.FitAsync), SiteFault.CloudUnauthorised);
        await RefusedAsync(ReasonCode.CloudUnauthorised, () => sites.B.Client.StartRunAsync("shop",
            new StartRunRequest { Kind = RunKind.TestFailover }, Ct));
    }

    [Fact]
    public async Task A_reprotect_starts_nothing_and_misses_nothing()
    {
        await using var sites = await TwoSites.StartAsync();
        await sites.FailOverWithADeadAsync();
        sites.B.Site.MemoryFreeMiB = 0;
        var plan = await sites.B.Client.PlanAsync("shop", new StartRunRequest { Kind = RunKind.Reprotect }, Ct);
        Assert.Empty(plan.Gaps);
        Assert.Equal(RunState.Succeeded, (await sites.RunAsync(sites.B, RunKind.Reprotect)).State);
        // Home again: there something is missing, and nothing is turned round before it is told.
        sites.A.Site.MemoryFreeMiB = 0;
        await UntilAsync(sites.A, GroupState.Protected);
        await RefusedAsync(ReasonCode.PlanGaps, () => sites.A.Client.StartRunAsync("shop",
            new StartRunRequest { Kind = RunKind.Failback }, Ct));
    }

    private static async Task ProtectTwoAsync(TwoSites sites)
    {
        foreach (var name in new[] { "db1", "web1" })
            await sites.A.Client.AdoptAsync(new AdoptRequest(name, sites.A.RunGuest(name, "vda"), $"/{name}/qga.sock"),
                Ct);
        await sites.A.Client.CreateGroupAsync(Request() with
        {
            Members = [new MemberRequest("db1"), new MemberRequest("web1")],
        }, Ct);
    }
}
