// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Contracts.Sites;
using Lifeboat.Protection;
using Lifeboat.Protection.Plans;
using Lifeboat.Recovery.Runs;
using Lifeboat.Sites;
using Lifeboat.Testing.Recovery;

namespace Lifeboat.Tests.Recovery;

public sealed class RunnerTests
{
    [Fact]
    public void A_failover_makes_no_request_to_the_site_it_leaves()
    {
        var world = new RecoveryWorld();
        world.LoseA();
        var run = world.Run(RunKind.Failover, world.B);
        Assert.Equal(RunState.Succeeded, run.State);
        Assert.Equal(0, world.A.AskedAsPeer);
    }

    [Fact]
    public void A_failover_that_cannot_start_the_instances_is_rolled_back()
    {
        var world = new RecoveryWorld();
        world.B.Site.FailNext(nameof(ISite.StartAsync), SiteFault.NoSpace);
        var run = world.Run(RunKind.Failover, world.B);
        Assert.Equal(RunState.RolledBack, run.State);
        Assert.Equal(ReasonCode.TargetFull, run.Reason);
        world.Inside(async () =>
        {
            var group = (await world.B.GroupAsync(RecoveryWorld.Group, default))!;
            Assert.Equal("a", group.PrimarySite);
            Assert.Equal(new Epoch(3), group.Epoch);
            Assert.Empty((await world.B.ReplicaAsync(RecoveryWorld.Group, default))!.Views);
            Assert.Empty(world.B.Agent.Pins(RecoveryWorld.Group));
            Assert.DoesNotContain(await world.B.Site.ListAsync(default), i => i.Power is InstancePower.Running);
            // The exchange tells the old primary, and replication goes on in the new epoch.
            await world.A.SetGroupAsync(group, default);
            Assert.True((await world.B.ReplicaAsync(RecoveryWorld.Group, default))!.Connected);
        });
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Instances_of_one_rank_start_side_by_side_and_all_are_undone_when_one_fails(bool oneFails)
    {
        var world = new RecoveryWorld();
        var level = RecoveryWorld.Definition with
        {
            Version = 2,
            Members = [.. RecoveryWorld.Definition.Members.Select(m => m with { BootOrder = 0 })],
        };
        world.Inside(() => world.B.SetGroupAsync(level, default));
        world.B.Site.Latency = TimeSpan.FromSeconds(3);
        if (oneFails) world.B.Site.FailNext(nameof(ISite.StartAsync), SiteFault.NoSpace);
        IReadOnlyList<string>? asked = null;
        world.B.Site.After = (call, _, _) =>
        {
            if (call == nameof(ISite.StartAsync))
                asked ??= [.. world.B.Site.Calls.Where(c => c.StartsWith(call, StringComparison.Ordinal))];
            return Task.CompletedTask;
        };
        var run = world.Run(RunKind.Failover, world.B);
        Assert.Equal(oneFails ? RunState.RolledBack : RunState.Succeeded, run.State);
        Assert.Equal(["StartAsync db1", "StartAsync web1"], asked!.Order(StringComparer.Ordinal));
        world.Inside(async () => Assert.Equal(oneFails ? 0 : 2,
            (await world.B.Site.ListAsync(default)).Count(i => i.Power is InstancePower.Running)));
    }

    [Fact]
    public void A_drill_whose_check_fails_fails_after_it_has_cleaned_up()
    {
        var world = new RecoveryWorld();
        var before = world.Snapshot();
        world.B.Site.After = (call, subject, _) =>
        {
            if (call == nameof(ISite.StartAsync)) world.B.Site.Guest(subject).TcpAnswers = _ => false;
            return Task.CompletedTask;
        };
        var run = world.Run(RunKind.TestFailover, world.B);
        Assert.Equal(RunState.Failed, run.State);
        Assert.Equal(ReasonCode.VerificationFailed, run.Reason);
        Assert.Contains(run.Steps.Single(s => s.Name == "verify").Evidence, e => e.Contains("TCP port 5432 does not"));
        Assert.True(run.Steps.Where(s => s.Always).All(s => s.Done), "every clean-up step was done");
        Assert.Equal(before, world.Snapshot());
    }

    [Fact]
    public void A_failover_whose_check_fails_succeeds_with_warnings()
    {
        var world = new RecoveryWorld();
        world.B.Site.After = (call, subject, _) =>
        {
            if (call == nameof(ISite.StartAsync)) world.B.Site.Guest(subject).Run = _ => new(2, "no");
            return Task.CompletedTask;
        };
        var run = world.Run(RunKind.Failover, world.B);
        Assert.Equal(RunState.SucceededWithWarnings, run.State);
        Assert.Contains(run.Warnings, w => w.Contains("`pg_isready` exited 2: no"));
        Assert.Null(run.VerifiedAt);
    }

    [Fact]
    public void A_drill_that_leaves_a_trace_fails()
    {
        var world = new RecoveryWorld();
        world.B.Site.LeftBehind.Add("process 4711");
        var run = world.Run(RunKind.TestFailover, world.B);
        Assert.Equal(RunState.Failed, run.State);
        Assert.Contains("traces", run.Detail);
    }

    [Fact]
    public void A_guest_that_does_not_shut_down_ends_a_planned_failover_with_everything_as_before()
    {
        var world = new RecoveryWorld();
        var before = world.Snapshot();
        world.A.Site.Guest("db1").ShutsDown = false;
        var run = world.Run(RunKind.PlannedFailover, world.B);
        Assert.Equal(RunState.RolledBack, run.State);
        Assert.Equal(ReasonCode.Timeout, run.Reason);
        Assert.Equal(before, world.Snapshot());
    }

    [Fact]
    public void A_point_that_is_not_sealed_ends_a_planned_failover_with_the_guests_running_again()
    {
        var world = new RecoveryWorld();
        world.A.Agent.SealsPoints = false;
        var run = world.Run(RunKind.PlannedFailover, world.B);
        Assert.Equal(RunState.RolledBack, run.State);
        world.Inside(async () =>
        {
            Assert.All(await world.A.Site.ListAsync(default), i => Assert.Equal(InstancePower.Running, i.Power));
            Assert.Equal("a", (await world.B.GroupAsync(RecoveryWorld.Group, default))!.PrimarySite);
        });
    }

    [Fact]
    public void A_planned_failover_that_cannot_start_gives_the_primary_role_back_and_streams_on()
    {
        var world = new RecoveryWorld();
        world.B.Site.FailNext(nameof(ISite.StartAsync), SiteFault.NetworkUnknown);
        var run = world.Run(RunKind.PlannedFailover, world.B);
        Assert.Equal(RunState.RolledBack, run.State);
        world.Inside(async () =>
        {
            Assert.All(await world.A.Site.ListAsync(default), i => Assert.Equal(InstancePower.Running, i.Power));
            Assert.Equal("a", (await world.A.GroupAsync(RecoveryWorld.Group, default))!.PrimarySite);
            var source = await world.A.SourceAsync(RecoveryWorld.Group, default);
            Assert.Equal(Lifeboat.Contracts.Agents.SourcePhase.Streaming, source!.Phase);
        });
    }

    [Fact]
    public void A_second_run_is_refused_while_one_is_under_way()
    {
        var world = new RecoveryWorld();
        var hold = new RunInput(null, [], TimeSpan.FromHours(1), null);
        var (runner, ended) = world.Begin(RunKind.TestFailover, world.B, hold);
        world.RunUntil(() => Running(world, "hold-open"));
        var refused = Assert.Throws<ProblemException>(() => Create(world, RunKind.Failover));
        Assert.Equal(ReasonCode.RunInProgress, refused.Reason);
        Assert.Contains("TestFailover", refused.Detail);
        world.Inside(() => runner.SignalAsync(Active(world).Id, RunSignal.Release, default));
        world.RunUntil(() => ended() is not null);
        Assert.Equal(RunState.Succeeded, ended()!.State);
    }

    [Fact]
    public void A_drill_that_is_cancelled_cleans_up()
    {
        var world = new RecoveryWorld();
        var before = world.Snapshot();
        var hold = new RunInput(null, [], TimeSpan.FromHours(1), null);
        var (runner, ended) = world.Begin(RunKind.TestFailover, world.B, hold);
        world.RunUntil(() => Running(world, "hold-open"));
        world.Inside(() => runner.SignalAsync(Active(world).Id, RunSignal.Cancel, default));
        world.RunUntil(() => ended() is not null);
        Assert.Equal(RunState.Cancelled, ended()!.State);
        Assert.Equal(before, world.Snapshot());
    }

    [Fact]
    public void A_failover_cannot_be_cancelled_once_the_instances_run()
    {
        var world = new RecoveryWorld();
        var (runner, ended) = world.Begin(RunKind.Failover, world.B, RunInput.None);
        world.RunUntil(() => Running(world, "move-to-native") || ended() is not null);
        var id = Active(world).Id;
        ProblemException? refused = null;
        world.Inside(async () => refused = await Assert.ThrowsAsync<ProblemException>(
            () => runner.SignalAsync(id, RunSignal.Cancel, default)));
        Assert.Equal(ReasonCode.WrongState, refused!.Reason);
    }

    [Fact]
    public void A_move_to_native_that_fails_leaves_the_instances_running_and_can_be_retried()
    {
        var world = new RecoveryWorld();
        world.B.Site.FailNext(nameof(IMovesToNative.MoveToNativeAsync), SiteFault.NoSpace);
        var run = world.Run(RunKind.Failover, world.B);
        Assert.Equal(RunState.Failed, run.State);
        Assert.Equal(ReasonCode.TargetFull, run.Reason);
        Run? again = null;
        world.Inside(async () =>
        {
            Assert.Contains(await world.B.Site.ListAsync(default), i => i.Power is InstancePower.Running);
            var runner = world.RunnerAt(world.B);
            await runner.RetryAsync(run.Id, default);
            again = await runner.ExecuteAsync(run.Id, default);
        });
        Assert.Equal(RunState.Succeeded, again!.State);
        Assert.Empty(world.B.Agent.Views(RecoveryWorld.Group));
    }

    [Fact]
    public void A_run_at_the_wrong_site_is_refused_and_names_the_right_one()
    {
        var world = new RecoveryWorld();
        var refused = Assert.Throws<ProblemException>(() => Create(world, RunKind.Failover, world.A));
        Assert.Equal(ReasonCode.WrongSite, refused.Reason);
        Assert.Contains("site b", refused.Message);
    }

    [Fact]
    public void An_unknown_point_is_refused_with_the_state_as_before()
    {
        var world = new RecoveryWorld();
        var before = world.Snapshot();
        var run = world.Run(RunKind.Failover, world.B, new RunInput(Guid.Parse("11111111-1111-1111-1111-111111111111"),
            [], null, null));
        Assert.Equal(ReasonCode.PointUnknown, run.Reason);
        Assert.Equal(before, world.Snapshot());
    }

    [Fact]
    public void A_step_is_predicted_by_how_long_it_took_before()
    {
        var world = new RecoveryWorld();
        var first = world.Run(RunKind.TestFailover, world.B);
        Assert.All(first.Steps, s => Assert.Null(s.Predicted));
        var second = world.Run(RunKind.TestFailover, world.B, RunInput.None with { IdempotencyKey = "second" });
        Assert.All(second.Steps, s => Assert.NotNull(s.Predicted));
        Assert.NotNull(second.Predicted);
    }

    [Fact]
    public void All_faults_of_a_request_are_said_at_once()
    {
        var world = new RecoveryWorld();
        var refused = Assert.Throws<ProblemException>(() => Create(world, RunKind.PlannedFailover, world.B,
            new RunInput(Guid.Empty, ["udp:1", "tcp:0", "nobody/tcp:1"], TimeSpan.FromSeconds(1), null)));
        Assert.Equal(5, refused.Errors!.Count);
    }

    private static void Create(RecoveryWorld world, RunKind kind, SimulatedSide? at = null, RunInput? input = null)
    {
        ProblemException? refused = null;
        world.Inside(async () =>
        {
            try
            {
                var side = at ?? world.B;
                var group = (await side.GroupAsync(RecoveryWorld.Group, default))!;
                await world.RunnerAt(side).CreateAsync(kind, group, input ?? RunInput.None, false, default);
            }
            catch (ProblemException e)
            {
                refused = e;
            }
        });
        if (refused is not null) throw refused;
    }

    private static Run Active(RecoveryWorld world) => world.Store(world.B).Unfinished.Single();

    private static bool Running(RecoveryWorld world, string step) => world.Store(world.B).Unfinished.Any(r =>
        r.Steps.Any(s => s.Name == step && s.State is StepState.Running));
}
