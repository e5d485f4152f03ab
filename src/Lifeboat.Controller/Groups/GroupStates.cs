// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Agents;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;
using Lifeboat.Protection.Plans;

namespace Lifeboat.Controller.Groups;

/// <summary>The state of a group from what its site knows. Pure.</summary>
internal static class GroupStates
{
    // A source that is new has nothing that could be degraded yet.
    private static readonly TimeSpan Connects = TimeSpan.FromSeconds(10);

    public static GroupCondition Of(GroupFacts facts) => facts.Run switch
    {
        RunKind.Failover or RunKind.PlannedFailover or RunKind.Failback =>
            new(GroupState.FailingOver, ReasonCode.RunInProgress, $"a {facts.Run} is under way"),
        RunKind.Reprotect => new(GroupState.Reprotecting, ReasonCode.RunInProgress, "a reprotect is under way"),
        RunKind.Resolve => new(GroupState.Reprotecting, ReasonCode.RunInProgress, "a divergence is being resolved"),
        RunKind.TestFailover or null when facts.Divergence is { } notice => new(GroupState.Diverged,
            ReasonCode.Diverged, notice.Evidence + (facts.Group.Fork?.AcknowledgedAt is { } at
                ? $"; left as it is since {at:u}" : "")),
        RunKind.TestFailover or null => facts.Group.PrimarySite == facts.Here ? Primary(facts) : Recovery(facts),
    };

    private static GroupCondition Primary(GroupFacts facts)
    {
        if (!facts.SourceWanted)
        {
            return new(GroupState.FailedOver, ReasonCode.PrimaryMoved,
                $"runs at {facts.Here} since the failover and is not protected; reprotect turns replication round");
        }
        if (facts.AgentReason is not ReasonCode.None)
            return new(GroupState.Degraded, facts.AgentReason, "the agent of this site does not answer");
        if (Suspended(facts) is { } suspended && facts.Source?.Phase is not (SourcePhase.Fenced or SourcePhase.Stopped))
            return suspended;
        // The definition says that it goes on, the source has not got so far.
        if (facts.Source is { Reason: ReasonCode.SuspendedByOperator, Phase: not (SourcePhase.Fenced
            or SourcePhase.Stopped) })
            return new(GroupState.Suspended, ReasonCode.SuspendedByOperator, "resumes now");
        return facts.Source is { } source ? Streaming(facts, source)
            : new(GroupState.Initializing, ReasonCode.None, "the source is being set up");
    }

    private static GroupCondition Streaming(GroupFacts facts, SourceStatus source) => source.Phase switch
    {
        SourcePhase.Detached when source is { Attaches: 0, LastSealed: null } && facts.Now - source.Since < Connects =>
            new(GroupState.Initializing, ReasonCode.InitialSync, "the source connects to the recovery site"),
        SourcePhase.Detached =>
            new(GroupState.Degraded, Because(source.Reason, ReasonCode.CaptureLost), source.Detail),
        SourcePhase.InitialSync => new(GroupState.Initializing, ReasonCode.InitialSync,
            $"{source.ResyncProgress:P0} of the first copy{Left(source)}"),
        SourcePhase.Resyncing => new(GroupState.Resyncing,
            source.Reason is ReasonCode.Migrated ? ReasonCode.Migrated : ReasonCode.Resync,
            $"{source.ResyncProgress:P0}{Left(source)}"),
        // A site that comes back is refused before it is told why. Where nothing runs, nobody wrote.
        SourcePhase.Fenced => new(facts.MemberRunsHere ? GroupState.Diverged : GroupState.FailedOver,
            ReasonCode.PrimaryMoved, source.Detail ?? "the recovery site refused this source: another site is primary"),
        SourcePhase.Stopped => new(GroupState.Error, Because(source.Reason, ReasonCode.CaptureLost), source.Detail),
        SourcePhase.Streaming when source.Lag > facts.Group.Policy.PromisedRpo() =>
            new(GroupState.Degraded, Because(source.Reason, ReasonCode.LinkDown),
                $"lag {source.Lag.TotalSeconds:0} s is over the RPO target"),
        SourcePhase.Streaming when source.LastSealed is null =>
            new(GroupState.Initializing, ReasonCode.InitialSync, "waiting for the first sealed point"),
        SourcePhase.Streaming when source.Reason is ReasonCode.None && source.Unprotected is [var disk, ..] others =>
            new(GroupState.Protected, ReasonCode.VolumeUnprotected, $"{disk.Volume} is not protected: "
                + disk.Advice(facts.Group.Name, facts.Here)
                + (others.Count > 1 ? $"; and {others.Count - 1} more" : "")),
        // Recovery is as good as ever; but a promise of the policy is not kept, and why is said.
        SourcePhase.Streaming when source.Reason is ReasonCode.None
            && source.LastQuiesce is { Reason: not ReasonCode.None } quiesce =>
            new(GroupState.Protected, ReasonCode.QuiesceFailed, quiesce.Detail),
        SourcePhase.Streaming => new(GroupState.Protected, source.Reason, source.Detail),
    };

    private static GroupCondition Recovery(GroupFacts facts)
    {
        if (!facts.ReplicaWanted)
        {
            var text = $"site {facts.Group.PrimarySite} is primary in epoch {facts.Group.Epoch}";
            return facts.MemberRunsHere
                ? new(GroupState.Diverged, ReasonCode.PrimaryMoved, text + ", and instances still run here")
                : new(GroupState.FailedOver, ReasonCode.PrimaryMoved, text + "; it is not protected: reprotect");
        }
        if (facts.AgentReason is not ReasonCode.None)
            return new(GroupState.Degraded, facts.AgentReason, "the agent of this site does not answer");
        if (Suspended(facts) is { } suspended) return suspended;
        if (facts.Replica is not { Newest: { } newest } replica)
            return new(GroupState.Initializing, ReasonCode.InitialSync, "waiting for the first sealed point");
        if (!replica.Connected)
        {
            return new(GroupState.Degraded, Because(replica.Reason, ReasonCode.LinkDown),
                replica.Detail ?? $"the source is not connected; the newest point is of {newest.CutAt:u}");
        }
        if (replica.Reason is ReasonCode.ReplicaDamaged)
            return new(GroupState.Degraded, ReasonCode.ReplicaDamaged, replica.Detail);
        return facts.Now - newest.CutAt > facts.Group.Policy.PromisedRpo()
            ? new(GroupState.Degraded, Because(replica.Reason, ReasonCode.Resync),
                $"the newest point is of {newest.CutAt:u}: older than the RPO target")
            : new(GroupState.Protected, replica.Reason, replica.Detail);
    }

    private static string Left(SourceStatus source) => source.Forecast?.Left is { } left
        ? $", about {(left < TimeSpan.FromMinutes(2) ? $"{Math.Ceiling(left.TotalSeconds):0} s"
            : $"{Math.Ceiling(left.TotalMinutes):0} min")} left" : "";

    // On purpose: no lag and no silence is worth an alarm until its time is over.
    private static GroupCondition? Suspended(GroupFacts facts) =>
        facts.Group.Suspension is { } s && s.Holds(facts.Now)
            ? new(GroupState.Suspended, ReasonCode.SuspendedByOperator, $"{s.Reason}; resumes by itself at {s.Until:u}")
            : null;

    private static ReasonCode Because(ReasonCode known, ReasonCode otherwise) =>
        known is ReasonCode.None ? otherwise : known;
}
