// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Agents;
using Lifeboat.Contracts.Sites;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;
using Lifeboat.Protection.Plans;
using Lifeboat.Protection.RecoveryPoints;
using Lifeboat.Recovery.Runs;
using Lifeboat.Testing.Recovery;
using Xunit;

namespace Lifeboat.Tests.Recovery;

/// <summary>A partition, a failover, both sides write: what each choice does, and that a kill anywhere changes
/// nothing.</summary>
public sealed class ResolveTests
{
    private const string Pin = "fork-2";

    [Theory]
    [InlineData(ForkChoice.KeepPrimary, "a", "b", 1)]
    [InlineData(ForkChoice.KeepRecovery, "b", "a", 2)]
    [InlineData(ForkChoice.BothAsVolumes, "b", "a", 2)]
    public void The_winner_goes_on_and_the_losers_state_is_a_pinned_point_there(ForkChoice choice, string winner,
        string loser, int loserEpoch)
    {
        var world = Diverged();
        var run = Resolve(world, choice);
        Assert.True(run.State is RunState.Succeeded, $"{run.State} {run.Reason} {run.Detail}");

        var (won, lost) = winner == "a" ? (world.A, world.B) : (world.B, world.A);
        var group = Group(won);
        Assert.Equal((winner, loser, loser), (group.PrimarySite, group.RecoverySite, group.Fork!.Loser));
        Assert.Equal(group, Group(lost));
        Assert.All(Power(world, won), p => Assert.Equal(InstancePower.Running, p));
        Assert.All(Power(world, lost), p => Assert.Equal(InstancePower.Stopped, p));
        Assert.Equal((SourcePhase.Streaming, group.Epoch),
            (won.Agent.GetSource(RecoveryWorld.Group).Phase, won.Agent.GetSource(RecoveryWorld.Group).Epoch));

        var state = Assert.Single(lost.Agent.Kept(RecoveryWorld.Group));
        var kept = state.Point;
        Assert.Equal(kept, lost.Agent.Points(RecoveryWorld.Group)[0]);
        Assert.Equal((true, PointState.Pinned), (kept.IsOrigin, kept.State));
        Assert.Equal(new Epoch(3 - loserEpoch), kept.Epoch);
        Assert.Equal([Pin], state.Pins);
        Assert.Equal(choice is ForkChoice.BothAsVolumes ? [Pin] : [], state.Views);
        // The history that begins with the choice is held back by nothing.
        Assert.Empty(lost.Agent.Pins(RecoveryWorld.Group));
        Assert.Empty(won.Agent.Kept(RecoveryWorld.Group));
        Assert.Equal(kept.Id, run.Find<Lifeboat.Recovery.Steps.KeptState>()!.Point.Id);
    }

    [Fact]
    public void The_kept_state_boots_in_a_drill_and_is_never_taken_for_the_newest_point()
    {
        var world = Diverged();
        Resolve(world, ForkChoice.KeepRecovery);
        var kept = world.A.Agent.Points(RecoveryWorld.Group)[0];

        var drill = world.Run(RunKind.TestFailover, world.A,
            RunInput.None with { PointId = kept.Id, IdempotencyKey = "kept" });
        Assert.True(drill.State is RunState.Succeeded, $"{drill.State} {drill.Reason} {drill.Detail}");
        Assert.Equal(kept.Id, drill.Find<Lifeboat.Recovery.Steps.PickedPoint>()!.Point.Id);

        var newest = world.Run(RunKind.TestFailover, world.A, RunInput.None with { IdempotencyKey = "newest" });
        Assert.False(newest.Find<Lifeboat.Recovery.Steps.PickedPoint>()!.Point.IsOrigin);
    }

    [Fact]
    public void Manual_changes_nothing_but_is_known_at_both_sites_and_another_choice_is_still_possible()
    {
        var world = Diverged();
        var before = world.Snapshot();
        var run = Resolve(world, ForkChoice.Manual);

        Assert.True(run.State is RunState.Succeeded, $"{run.State} {run.Reason} {run.Detail}");
        Assert.Equal(before, world.Snapshot());
        Assert.NotNull(Group(world.A).Fork!.AcknowledgedAt);
        Assert.Equal(Group(world.A), Group(world.B));
        Assert.Equal(RunState.Succeeded, Resolve(world, ForkChoice.KeepPrimary).State);
    }

    [Fact]
    public void A_winner_that_does_not_run_is_refused_before_anything_is_stopped()
    {
        var world = Diverged();
        world.A.Site.LosePower();
        var run = Resolve(world, ForkChoice.KeepPrimary);

        Assert.Equal((RunState.Failed, ReasonCode.WrongState), (run.State, run.Reason));
        Assert.All(Power(world, world.B), p => Assert.Equal(InstancePower.Running, p));
        Assert.Null(Group(world.B).Fork!.Loser);
    }

    [Theory]
    [InlineData(ForkChoice.KeepPrimary)]
    [InlineData(ForkChoice.KeepRecovery)]
    [InlineData(ForkChoice.BothAsVolumes)]
    [InlineData(ForkChoice.Manual)]
    public void A_resolve_that_is_killed_anywhere_ends_as_one_that_is_not(ForkChoice choice)
    {
        var calm = Diverged();
        var from = calm.Steps;
        Assert.Equal(RunState.Succeeded, Resolve(calm, choice).State);
        var (steps, wanted) = (calm.Steps - from, calm.Snapshot());
        Assert.True(steps > 20, $"{steps} places to kill at are too few to mean anything");
        for (var kill = 1L; kill < steps; kill++)
        {
            var world = Diverged();
            var run = Resolve(world, choice, kill);
            Assert.True(run.State is RunState.Succeeded, $"killed at {kill}: {run.State} {run.Reason} {run.Detail}");
            Assert.True(world.Snapshot() == wanted, $"killed at {kill}: {world.Snapshot()} instead of {wanted}");
        }
    }

    [Fact]
    public void A_resolve_that_fails_anywhere_never_leaves_the_group_without_running_instances()
    {
        foreach (var choice in new[] { ForkChoice.KeepPrimary, ForkChoice.KeepRecovery })
        {
            for (var fail = 1; ; fail++)
            {
                var world = Diverged();
                world.FailAt = fail;
                var run = Resolve(world, choice);
                if (run.State is RunState.Succeeded) break;
                var primary = Group(world.B).PrimarySite == "a" ? world.A : world.B;
                Assert.True(Power(world, primary).All(p => p is InstancePower.Running),
                    $"{choice} failed at {fail}: nothing runs at {primary.Name}");
            }
        }
    }

    [Fact]
    public void A_failover_that_is_undone_leaves_no_fork_behind()
    {
        var world = new RecoveryWorld();
        world.CutOffA();
        world.FailAt = 12;
        var run = world.Run(RunKind.Failover, world.B);
        Assert.Equal(RunState.RolledBack, run.State);
        Assert.Null(Group(world.B).Fork);
    }

    private static Run Resolve(RecoveryWorld world, ForkChoice choice, params long[] kills) =>
        world.Run(RunKind.Resolve, world.B, RunInput.None with
        {
            IdempotencyKey = $"resolve {choice}", Resolution = Resolution.Of(choice, Group(world.B)),
        }, kills);

    private static RecoveryWorld Diverged()
    {
        var world = new RecoveryWorld();
        world.CutOffA();
        Assert.Equal(RunState.Succeeded, world.Run(RunKind.Failover, world.B).State);
        world.BringABack();
        world.Inside(async () => await world.A.SetGroupAsync(Group(world.B), default));
        return world;
    }

    private static GroupDefinition Group(SimulatedSide side) => side.Known(RecoveryWorld.Group);

    private static List<InstancePower> Power(RecoveryWorld world, SimulatedSide side)
    {
        List<InstancePower> power = [];
        world.Inside(async () =>
            power.AddRange((await side.Site.ListAsync(default)).Select(i => i.Power)));
        return power;
    }
}
