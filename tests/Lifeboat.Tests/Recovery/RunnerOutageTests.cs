// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Protection;
using Lifeboat.Protection.Plans;
using Lifeboat.Recovery.Runs;
using Lifeboat.Sites;

namespace Lifeboat.Tests.Recovery;

/// <summary>The cloud that a site is does not answer for a while: a run waits for it, and is taken up again.</summary>
public sealed class RunnerOutageTests
{
    // 1, 2, 4, 8, then every 15 s: this is more than a minute, and less than the five of the limit.
    private const int LongTries = 8;
    private const int TooManyTries = 60;

    [Theory]
    [InlineData(RunKind.TestFailover)]
    [InlineData(RunKind.Failover)]
    [InlineData(RunKind.PlannedFailover)]
    public void A_run_waits_for_a_cloud_that_comes_back(RunKind kind)
    {
        var world = new RecoveryWorld();
        Away(world, nameof(ISite.StartAsync), LongTries);
        var run = world.Run(kind, world.B);
        Assert.Equal(RunState.Succeeded, run.State);
        var step = run.Steps.Single(s => s.Name == "start-instances");
        Assert.Equal((LongTries + 1, ReasonCode.None), (step.Attempts, step.Reason));
    }

    [Fact]
    public void What_it_waits_for_is_seen_meanwhile()
    {
        var world = new RecoveryWorld();
        Away(world, nameof(ISite.StartAsync), LongTries);
        var (_, ended) = world.Begin(RunKind.Failover, world.B, RunInput.None);
        RunStep? step = null;
        world.RunUntil(() => (step = Step(world, "start-instances")) is { Attempts: LongTries });
        Assert.Equal((StepState.Running, ReasonCode.CloudUnavailable), (step!.State, step.Reason));
        Assert.Contains("was made to fail", step.Evidence[0]);
        world.RunUntil(() => ended() is not null);
        Assert.Equal(RunState.Succeeded, ended()!.State);
    }

    [Fact]
    public void A_cloud_that_stays_away_longer_ends_it_with_its_reason()
    {
        var world = new RecoveryWorld();
        Away(world, nameof(ISite.StartAsync), TooManyTries);
        var run = world.Run(RunKind.Failover, world.B);
        Assert.Equal((RunState.RolledBack, ReasonCode.CloudUnavailable), (run.State, run.Reason));
        var attempts = run.Steps.Single(s => s.Name == "start-instances").Attempts;
        Assert.InRange(attempts, 20, 25);
    }

    [Fact]
    public void A_failover_whose_instances_cannot_be_stopped_again_stays_and_is_taken_up()
    {
        var world = new RecoveryWorld();
        world.LoseA();
        Away(world, nameof(ISite.StartAsync), TooManyTries);
        Away(world, nameof(ISite.StopAsync), RunnerOptions.Default.AttemptsMax);
        var run = world.Run(RunKind.Failover, world.B);
        Assert.Equal((RunState.Failed, ReasonCode.CloudUnavailable), (run.State, run.Reason));
        Assert.DoesNotContain(run.Steps, s => s.State is StepState.Undone);
        Assert.NotEmpty(world.B.Agent.Pins(RecoveryWorld.Group));
        world.B.Site.Forgive();
        Assert.Equal(RunState.Succeeded, Again(world, run).State);
    }

    // What does not hold an instance is no reason to keep the group: the roles go back.
    [Fact]
    public void A_failover_whose_instances_were_stopped_gives_the_roles_back_whatever_else_cannot_be_undone()
    {
        var world = new RecoveryWorld();
        world.B.Site.FailNext(nameof(ISite.StartAsync), SiteFault.NoRoom);
        world.B.Site.After = (call, subject, _) =>
        {
            if (call == nameof(ISite.StopAsync) && subject == "web1") world.FailAt = 2;
            return Task.CompletedTask;
        };
        var run = world.Run(RunKind.Failover, world.B);
        Assert.Contains(run.Steps, s => s is { Name: "start-instances", State: StepState.Undone });
        Assert.Contains(run.Warnings, w => w.Contains("could not be undone"));
        world.Inside(async () =>
            Assert.Equal("a", (await world.B.GroupAsync(RecoveryWorld.Group, default))!.PrimarySite));
    }

    [Fact]
    public void A_drill_that_passed_and_could_not_be_cleaned_up_succeeds_when_it_is()
    {
        var world = new RecoveryWorld();
        var before = world.Snapshot();
        Away(world, nameof(ISite.RemoveAsync), TooManyTries);
        var run = world.Run(RunKind.TestFailover, world.B);
        Assert.Equal((RunState.Failed, ReasonCode.CloudUnavailable), (run.State, run.Reason));
        world.B.Site.Forgive();
        Assert.Equal(RunState.Succeeded, Again(world, run).State);
        Assert.Equal(before, world.Snapshot());
    }

    [Fact]
    public void A_drill_that_failed_is_cleaned_up_later_and_keeps_why_it_failed()
    {
        var world = new RecoveryWorld();
        var before = world.Snapshot();
        world.B.Site.FailNext(nameof(ISite.StartAsync), SiteFault.NoRoom, afterEffect: true);
        Away(world, nameof(ISite.RemoveAsync), TooManyTries);
        var run = world.Run(RunKind.TestFailover, world.B);
        Assert.Equal((RunState.Failed, ReasonCode.NoRoom), (run.State, run.Reason));
        world.B.Site.Forgive();
        var again = Again(world, run);
        Assert.Equal((RunState.Failed, ReasonCode.NoRoom), (again.State, again.Reason));
        Assert.True(again.Steps.Where(s => s.Always).All(s => s.Done), "every clean-up step was done");
        Assert.Equal(before, world.Snapshot());
        // There is nothing left to be done.
        Assert.Throws<ProblemException>(() => RunRules.CheckRetry(again));
    }

    private static void Away(RecoveryWorld world, string call, int times)
    {
        for (var i = 0; i < times; i++) world.B.Site.FailNext(call, SiteFault.CloudUnavailable);
    }

    private static RunStep? Step(RecoveryWorld world, string name) => world.Store(world.B).Unfinished
        .SelectMany(r => r.Steps).FirstOrDefault(s => s.Name == name);

    private static Run Again(RecoveryWorld world, Run run)
    {
        Run? again = null;
        world.Inside(async () =>
        {
            var runner = world.RunnerAt(world.B);
            await runner.RetryAsync(run.Id, default);
            again = await runner.ExecuteAsync(run.Id, default);
        });
        return again!;
    }
}
