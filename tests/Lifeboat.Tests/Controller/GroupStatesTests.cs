// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Agents;
using Lifeboat.Controller.Groups;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;
using Lifeboat.Protection.Plans;
using Lifeboat.Protection.RecoveryPoints;
using Lifeboat.Tests.Controller.Alerts;
using Lifeboat.Tests.Recovery;

namespace Lifeboat.Tests.Controller;

public sealed class GroupStatesTests
{
    private static readonly DateTimeOffset Now = new(2026, 1, 1, 12, 0, 0, TimeSpan.Zero);

    [Theory]
    [InlineData(SourcePhase.Streaming, GroupState.Protected, ReasonCode.None)]
    [InlineData(SourcePhase.InitialSync, GroupState.Initializing, ReasonCode.InitialSync)]
    [InlineData(SourcePhase.Resyncing, GroupState.Resyncing, ReasonCode.Resync)]
    [InlineData(SourcePhase.Detached, GroupState.Degraded, ReasonCode.CaptureLost)]
    [InlineData(SourcePhase.Fenced, GroupState.Diverged, ReasonCode.PrimaryMoved)]
    [InlineData(SourcePhase.Stopped, GroupState.Error, ReasonCode.CaptureLost)]
    public void The_primary_site_goes_by_its_source(SourcePhase phase, GroupState state, ReasonCode reason)
    {
        var found = GroupStates.Of(AtA() with { Source = Source(phase) });
        Assert.Equal((state, reason), (found.State, found.Reason));
    }

    [Fact]
    public void A_sync_says_how_long_it_will_take_when_that_can_be_told()
    {
        string? Told(SourcePhase phase, TimeSpan? left) => GroupStates.Of(AtA() with
        {
            Source = Source(phase) with
            {
                ResyncProgress = 0.25,
                Forecast = new SyncForecastStatus(ResyncKind.ChangeMap, Now, ForecastBasis.Counted, 40, 10, 0, 0, 1,
                    left),
            },
        }).Detail;
        Assert.EndsWith("of the first copy, about 90 s left",
            Told(SourcePhase.InitialSync, TimeSpan.FromSeconds(89.5)), StringComparison.Ordinal);
        Assert.EndsWith(", about 3 min left",
            Told(SourcePhase.Resyncing, TimeSpan.FromSeconds(150)), StringComparison.Ordinal);
        Assert.DoesNotContain("left", Told(SourcePhase.Resyncing, null), StringComparison.Ordinal);
    }

    [Fact]
    public void A_lag_over_the_target_is_degraded()
    {
        var late = Source(SourcePhase.Streaming) with { Lag = TimeSpan.FromHours(1) };
        Assert.Equal(GroupState.Degraded, GroupStates.Of(AtA() with { Source = late }).State);
    }

    [Fact]
    public void Nothing_is_protected_before_the_first_sealed_point()
    {
        var unsealed = Source(SourcePhase.Streaming) with { LastSealed = null };
        Assert.Equal(GroupState.Initializing, GroupStates.Of(AtA() with { Source = unsealed }).State);
        Assert.Equal(GroupState.Initializing, GroupStates.Of(AtB() with { Replica = Replica(null, true) }).State);
    }

    [Fact]
    public void The_recovery_site_goes_by_its_replica()
    {
        Assert.Equal(GroupState.Protected, GroupStates.Of(AtB()).State);
        var away = GroupStates.Of(AtB() with { Replica = Replica(Point(TimeSpan.Zero), false) });
        Assert.Equal((GroupState.Degraded, ReasonCode.LinkDown), (away.State, away.Reason));
        var old = GroupStates.Of(AtB() with { Replica = Replica(Point(TimeSpan.FromHours(1)), true) });
        Assert.Equal(GroupState.Degraded, old.State);
    }

    [Fact]
    public void After_a_failover_nobody_calls_it_protected()
    {
        Assert.Equal(GroupState.FailedOver, GroupStates.Of(AtA() with { SourceWanted = false }).State);
        Assert.Equal(GroupState.FailedOver, GroupStates.Of(AtB() with { ReplicaWanted = false }).State);
        Assert.Equal(GroupState.Diverged,
            GroupStates.Of(AtB() with { ReplicaWanted = false, MemberRunsHere = true }).State);
    }

    [Theory]
    [InlineData(5, GroupState.Initializing)]
    [InlineData(15, GroupState.Degraded)]
    public void A_new_source_has_some_seconds_to_connect(int seconds, GroupState state)
    {
        var source = Source(SourcePhase.Detached) with
        {
            Reason = ReasonCode.LinkDown, Attaches = 0, LastSealed = null, Since = Now.AddSeconds(-seconds),
        };
        Assert.Equal(state, GroupStates.Of(AtA() with { Source = source }).State);
        // One that had been there is missed at once.
        Assert.Equal(GroupState.Degraded, GroupStates.Of(AtA() with { Source = source with { Attaches = 1 } }).State);
    }

    [Fact]
    public void A_site_that_comes_back_with_nothing_running_wrote_nothing()
    {
        var fenced = AtA() with { Source = Source(SourcePhase.Fenced), MemberRunsHere = false };
        Assert.Equal((GroupState.FailedOver, ReasonCode.PrimaryMoved),
            (GroupStates.Of(fenced).State, GroupStates.Of(fenced).Reason));
    }

    [Fact]
    public void An_agent_that_does_not_answer_is_named()
    {
        foreach (var facts in new[] { AtA(), AtB() })
        {
            var found = GroupStates.Of(facts with { AgentReason = ReasonCode.AgentUnreachable });
            Assert.Equal((GroupState.Degraded, ReasonCode.AgentUnreachable), (found.State, found.Reason));
        }
    }

    [Theory]
    [InlineData(RunKind.TestFailover, GroupState.Protected)]
    [InlineData(RunKind.Failover, GroupState.FailingOver)]
    [InlineData(RunKind.PlannedFailover, GroupState.FailingOver)]
    [InlineData(RunKind.Failback, GroupState.FailingOver)]
    [InlineData(RunKind.Reprotect, GroupState.Reprotecting)]
    public void A_run_that_moves_the_group_is_its_state(RunKind run, GroupState state) =>
        Assert.Equal(state, GroupStates.Of(AtB() with { Run = run }).State);

    [Theory]
    [InlineData(SourcePhase.Streaming)]
    [InlineData(SourcePhase.Detached)]
    public void A_source_that_has_not_gone_on_yet_is_no_protected_one(SourcePhase phase)
    {
        var source = Source(phase) with { Reason = ReasonCode.SuspendedByOperator };
        var found = GroupStates.Of(AtA() with { Source = source });
        Assert.Equal((GroupState.Suspended, ReasonCode.SuspendedByOperator, "resumes now"),
            (found.State, found.Reason, found.Detail));
    }

    private static GroupFacts AtA() => new(RecoveryWorld.Definition, "a", Source(SourcePhase.Streaming), true, null,
        false, ReasonCode.None, null, true, Now);

    private static GroupFacts AtB() => new(RecoveryWorld.Definition, "b", null, false,
        Replica(Point(TimeSpan.Zero), true), true, ReasonCode.None, null, false, Now);

    private static RecoveryPoint Point(TimeSpan age) => new(Guid.Empty, 1, Epoch.First, Now - age, Consistency.Crash,
        PointState.Sealed, null, null, new Dictionary<string, Consistency>());

    private static SourceStatus Source(SourcePhase phase) => Sight.Source() with
    {
        Phase = phase, Since = Now, LastSealed = Point(TimeSpan.Zero),
    };

    private static ReplicaStatus Replica(RecoveryPoint? newest, bool connected) => Sight.Replica() with
    {
        Connected = connected, Points = newest is null ? 0 : 1, Newest = newest, Oldest = newest,
    };
}
