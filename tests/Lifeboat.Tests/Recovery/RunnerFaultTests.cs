// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Agents;
using Lifeboat.Contracts.Sites;
using Lifeboat.Protection;
using Lifeboat.Protection.Plans;
using Lifeboat.Recovery.Runs;
using Lifeboat.Testing.Recovery;

namespace Lifeboat.Tests.Recovery;

/// <summary>
/// One call at a site fails for good, each in turn, before its effect and after it. A run then either ends where it
/// should, or leaves the group as it was, or says that the instances run at the new site; never anything between.
/// </summary>
public sealed class RunnerFaultTests
{
    [Theory]
    [InlineData(RunKind.TestFailover)]
    [InlineData(RunKind.Failover)]
    [InlineData(RunKind.PlannedFailover)]
    public void One_fault_anywhere_leaves_no_half_move(RunKind kind)
    {
        var outcomes = new HashSet<RunState>();
        for (var fault = 1; ; fault++)
        {
            var world = new RecoveryWorld();
            if (kind is RunKind.Failover) world.LoseA();
            world.FailAt = fault;
            var run = world.Run(kind, world.B);
            var unused = world.FailAt > 0;
            world.FailAt = 0;
            outcomes.Add(run.State);
            Look(world, run, kind, $"fault {fault}: {run.State} {run.Detail}");
            if (unused) break;
        }
        Assert.Contains(RunState.Succeeded, outcomes);
        Assert.Contains(kind is RunKind.TestFailover ? RunState.Failed : RunState.RolledBack, outcomes);
    }

    [Fact]
    public void One_fault_anywhere_in_a_failback_leaves_one_primary_site()
    {
        for (var fault = 1; ; fault++)
        {
            var world = new RecoveryWorld();
            world.LoseA();
            world.Run(RunKind.Failover, world.B);
            world.BringABack();
            world.Inside(async () =>
                await world.A.SetGroupAsync((await world.B.GroupAsync(RecoveryWorld.Group, default))!, default));
            world.FailAt = fault;
            var run = world.Run(RunKind.Failback, world.A);
            var unused = world.FailAt > 0;
            world.FailAt = 0;
            world.Inside(async () =>
            {
                var primary = await AgreeAsync(world);
                var runs = primary == "a" ? world.A : world.B;
                var other = primary == "a" ? world.B : world.A;
                Assert.True(await RunsAsync(runs), $"fault {fault}: nobody runs; {run.State} {run.Detail}");
                if (run.State is RunState.Succeeded) Assert.False(await RunsAsync(other));
            });
            if (!unused) continue;
            Assert.Equal(RunState.Succeeded, run.State);
            return;
        }
    }

    private static void Look(RecoveryWorld world, Run run, RunKind kind, string where) => world.Inside(async () =>
    {
        var primary = await AgreeAsync(world, told: kind is not RunKind.Failover);
        var moved = run.Steps.Any(s => s is { Name: "start-instances", Done: true })
            && kind is not RunKind.TestFailover;
        Assert.True(primary == (moved ? "b" : "a"), $"{where}: {primary} is primary");
        Assert.True(await RunsAsync(world.B) == moved, $"{where}: what runs at b is not what was said");
        if (moved) return;
        if (kind is not RunKind.Failover) Assert.True(await RunsAsync(world.A), $"{where}: nobody runs at a");
        Assert.Empty(world.B.Agent.Views(RecoveryWorld.Group));
        Assert.Empty(world.B.Agent.Pins(RecoveryWorld.Group));
        Assert.Empty(world.B.Site.Bubbles);
        if (kind is RunKind.Failover) return;
        var source = await world.A.SourceAsync(RecoveryWorld.Group, default);
        Assert.True(source?.Phase is SourcePhase.Streaming, $"{where}: the source is {source?.Phase}");
    });

    /// <summary>The newest definition, which the exchange brings to both sites.</summary>
    private static async Task<string> AgreeAsync(RecoveryWorld world, bool told = true)
    {
        var a = (await world.A.GroupAsync(RecoveryWorld.Group, default))!;
        var b = (await world.B.GroupAsync(RecoveryWorld.Group, default))!;
        var newest = a.Supersedes(b) ? a : b;
        if (!told) return newest.PrimarySite;
        await world.A.SetGroupAsync(newest, default);
        await world.B.SetGroupAsync(newest, default);
        return newest.PrimarySite;
    }

    private static async Task<bool> RunsAsync(SimulatedSide side) =>
        (await side.Site.ListAsync(default)).Any(i => i.Power is InstancePower.Running);
}
