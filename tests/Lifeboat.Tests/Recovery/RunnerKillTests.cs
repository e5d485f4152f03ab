// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection;
using Lifeboat.Protection.Plans;
using Lifeboat.Recovery.Runs;

namespace Lifeboat.Tests.Recovery;

/// <summary>
/// I9: a controller killed at any await goes on where it was. Each kind of run is carried out once undisturbed, then
/// once for every step of the scheduler with a kill there; the world must end the same, down to the number of boots.
/// </summary>
public sealed class RunnerKillTests
{
    [Theory]
    [InlineData(RunKind.TestFailover)]
    [InlineData(RunKind.Failover)]
    [InlineData(RunKind.PlannedFailover)]
    [InlineData(RunKind.Reprotect)]
    [InlineData(RunKind.Failback)]
    public void A_run_that_is_killed_anywhere_ends_as_one_that_is_not(RunKind kind)
    {
        var (calm, wanted, steps) = Undisturbed(kind);
        Assert.Equal(RunState.Succeeded, calm.State);
        Assert.True(steps > 50, $"{steps} places to kill at are too few to mean anything");
        for (var kill = 1L; kill < steps; kill++)
        {
            var world = Prepared(kind);
            var run = world.Run(kind, SiteFor(kind, world), null, kill);
            Assert.True(run.State == calm.State, $"killed at {kill}: {run.State} {run.Reason} {run.Detail}");
            Assert.True(world.Snapshot() == wanted, $"killed at {kill}: {world.Snapshot()} instead of {wanted}");
        }
    }

    [Fact]
    public void A_failback_survives_many_kills()
    {
        var (calm, wanted, steps) = Undisturbed(RunKind.Failback);
        var world = Prepared(RunKind.Failback);
        var kills = Enumerable.Range(1, 40).Select(i => i * steps / 25).ToArray();
        var run = world.Run(RunKind.Failback, world.A, null, kills);
        Assert.Equal(calm.State, run.State);
        Assert.Equal(wanted, world.Snapshot());
        Assert.True(run.Steps.Sum(s => s.Attempts) > run.Steps.Count, "the kills hit running steps");
    }

    private static (Run Run, string Snapshot, long Steps) Undisturbed(RunKind kind)
    {
        var world = Prepared(kind);
        var before = world.Steps;
        var run = world.Run(kind, SiteFor(kind, world));
        var steps = world.Steps - before;
        return (run, world.Snapshot(), steps);
    }

    private static Lifeboat.Testing.Recovery.SimulatedSide SiteFor(RunKind kind, RecoveryWorld world) =>
        kind is RunKind.Failback ? world.A : world.B;

    private static RecoveryWorld Prepared(RunKind kind)
    {
        var world = new RecoveryWorld();
        if (kind is RunKind.Failover or RunKind.Reprotect or RunKind.Failback) world.LoseA();
        if (kind is not (RunKind.Reprotect or RunKind.Failback)) return world;
        Assert.Equal(RunState.Succeeded, world.Run(RunKind.Failover, world.B).State);
        world.BringABack();
        // What the exchange of definitions does when a site comes back.
        world.Inside(async () =>
            await world.A.SetGroupAsync((await world.B.GroupAsync(RecoveryWorld.Group, default))!, default));
        return world;
    }
}
