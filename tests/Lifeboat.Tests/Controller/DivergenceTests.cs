// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Contracts.Api;
using Lifeboat.Contracts.Sites;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;
using Lifeboat.Protection.Plans;
using Xunit;
using static Lifeboat.Tests.Controller.TwoSites;

namespace Lifeboat.Tests.Controller;

/// <summary>Both sides wrote: both controllers know, nothing is chosen by the way, and the choice is carried
/// out.</summary>
public sealed class DivergenceTests
{
    [Fact]
    public async Task Both_controllers_find_it_show_it_and_end_it_by_the_choice()
    {
        await using var sites = await DivergedAsync();

        var there = await sites.A.Client.GroupAsync("shop", Ct);
        Assert.Equal((GroupState.Diverged, ReasonCode.Diverged), (there.State, there.Reason));
        foreach (var kind in new[] { RunKind.Reprotect, RunKind.Failback })
        {
            var at = kind is RunKind.Reprotect ? sites.B : sites.A;
            await RefusedAsync(ReasonCode.Diverged,
                () => at.Client.StartRunAsync("shop", new StartRunRequest { Kind = kind }, Ct));
        }

        foreach (var site in new[] { sites.A, sites.B })
        {
            var info = await site.Client.DivergenceAsync("shop", Ct);
            Assert.True(info.Done);
            Assert.Equal(("a", new Epoch(1), new Epoch(2)),
                (info.Fork.LeftSite, info.Fork.LeftEpoch, info.Fork.Began));
            Assert.Equal([("a", "primary", true), ("b", "recovery", true)],
                info.Sides.Select(s => (s.Site, s.Was, s.Runs)));
            Assert.Equal((ChangesFrom.ChangeMap, 2 * 4096L), (info.Sides[0].From, info.Sides[0].Bytes));
            // The doubles have no files: so it says, instead of a figure.
            Assert.Equal((ChangesFrom.Nowhere, null), (info.Sides[1].From, info.Sides[1].Bytes));
            Assert.NotNull(info.Sides[1].Detail);
        }

        var plan = await sites.B.Client.PlanAsync("shop", Request(ForkChoice.KeepPrimary), Ct);
        Assert.Contains(plan.Steps, s => s.Name == "keep-state");
        await RefusedAsync(ReasonCode.WrongSite,
            () => sites.A.Client.StartRunAsync("shop", Request(ForkChoice.KeepPrimary), Ct));
        await RefusedAsync(ReasonCode.WrongState,
            () => sites.B.Client.StartRunAsync("shop", Request(ForkChoice.Newest), Ct));
        await RefusedAsync(ReasonCode.InvalidRequest,
            () => sites.B.Client.StartRunAsync("shop", new StartRunRequest { Kind = RunKind.Resolve }, Ct));

        await RunAsync(sites, ForkChoice.Manual);
        var known = await UntilAsync(sites.A, g => g.Definition.Fork?.AcknowledgedAt is not null);
        Assert.Equal(GroupState.Diverged, known.State);

        // A disk of a simulated site is no file: there is nothing its state could be kept in, so nothing is stopped.
        var refused = await sites.RunAsync(sites.B, Request(ForkChoice.KeepRecovery));
        Assert.Equal(ReasonCode.WrongState, refused.Reason);
        Assert.Equal(InstancePower.Running, (await sites.B.Client.InstanceAsync("db1", Ct)).Power);
    }

    [Fact]
    public async Task A_site_that_was_down_has_not_diverged()
    {
        await using var sites = await TwoSites.StartAsync();
        await sites.FailOverWithADeadAsync();
        await RefusedAsync(ReasonCode.WrongState,
            () => sites.B.Client.StartRunAsync("shop", Request(ForkChoice.KeepRecovery), Ct));
        Assert.Equal(GroupState.FailedOver, (await sites.A.Client.GroupAsync("shop", Ct)).State);
    }

    private static async Task<TwoSites> DivergedAsync()
    {
        var sites = await TwoSites.StartAsync();
        await sites.ProtectAsync();
        await UntilAsync(sites.B, GroupState.Protected);
        await sites.A.StopControllerAsync();
        sites.Network.Down.Add("a");
        Assert.Equal(RunState.Succeeded, (await sites.RunAsync(sites.B, RunKind.Failover)).State);
        await sites.BringABackAsync();
        await UntilAsync(sites.B, GroupState.Diverged);
        await UntilAsync(sites.A, GroupState.Diverged);
        return sites;
    }

    private static StartRunRequest Request(ForkChoice choice) => new() { Kind = RunKind.Resolve, Choice = choice };

    private static async Task RunAsync(TwoSites sites, ForkChoice choice)
    {
        var run = await sites.RunAsync(sites.B, Request(choice));
        Assert.True(run.State is RunState.Succeeded, $"{run.State} {run.Reason} {run.Detail}");
    }
}
