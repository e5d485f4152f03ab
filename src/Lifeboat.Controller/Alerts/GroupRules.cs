// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Agents;
using Lifeboat.Contracts.Api;
using Lifeboat.Controller.Status;
using Lifeboat.Controller.Watching;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;

namespace Lifeboat.Controller.Alerts;

/// <summary>What is worth an alert about one group. Each alert is raised where it is known at first hand.</summary>
internal static class GroupRules
{
    private const double NearlyFull = 0.8;

    public static IEnumerable<Condition> Of(Observation now, GroupInfo group) =>
        State(now, group).Concat(Rpo(now, group))
            .Concat(now.SourceOf(group) is { } source ? Source(now, group, source) : [])
            .Concat(now.ReplicaOf(group) is { } replica ? Replica(group, replica) : []);

    private static IEnumerable<Condition> State(Observation now, GroupInfo group)
    {
        var name = group.Definition.Name;
        var detail = group.Detail is { } text ? $": {text}" : "";
        if (group.State is GroupState.Diverged)
        {
            yield return About(group, AlertKind.GroupDiverged, AlertSeverity.Critical, group.Reason,
                $"both sites wrote to group {name}{detail}",
                $"`lifeboat group divergence {name}` shows what each side has; `lifeboat group resolve {name}` at "
                + $"{GroupAdvice.TookOver(group, now.Site)} chooses.") with { Patience = TimeSpan.Zero };
        }
        else if (group.State is GroupState.Error or GroupState.Degraded)
        {
            yield return About(group, AlertKind.GroupDegraded,
                group.State is GroupState.Error ? AlertSeverity.Critical : AlertSeverity.Warning, group.Reason,
                $"group {name} is {(group.State is GroupState.Error ? "in error" : "degraded")}{detail}",
                group.Definition.RecoverySite == now.Site && group.Reason is ReasonCode.LinkDown
                    ? $"If site {group.Definition.PrimarySite} is lost: `lifeboat failover {name}` here. Else it comes "
                        + "back by itself when the link does."
                    : $"It tries to come back by itself; `lifeboat group get {name}` shows what holds it up.")
                with { Patience = TimeSpan.FromSeconds(30) };
        }
    }

    // On purpose nothing is shipped while a group is suspended, and a group that is not protected has no RPO; nor has
    // one whose moments are taken when somebody asks.
    private static IEnumerable<Condition> Rpo(Observation now, GroupInfo group)
    {
        if (group.State is not (GroupState.Protected or GroupState.Degraded or GroupState.Resyncing)) yield break;
        if (now.Behind(group) is not { } behind || group.Definition.Policy.PromisedRpo() is not { } target
            || behind <= target) yield break;
        yield return About(group, AlertKind.RpoMissed, AlertSeverity.Critical,
            group.Reason is ReasonCode.None ? ReasonCode.LinkDown : group.Reason,
            $"a failover of group {group.Definition.Name} would lose {behind.TotalSeconds:0} s; the RPO target is "
            + $"{target.TotalSeconds:0} s",
            $"`lifeboat group get {group.Definition.Name}` shows where writes wait: link, caps or the recovery site.")
            with { Patience = TimeSpan.Zero };
    }

    private static IEnumerable<Condition> Source(Observation now, GroupInfo group, SourceStatus source)
    {
        var name = group.Definition.Name;
        var policy = group.Definition.Policy;
        var room = policy.OutboxBytes + policy.OutboxLogBytes;
        if (source.Outbox is { } outbox && group.State is not GroupState.Suspended
            && (outbox.Rung is OutboxRung.ChangeMap
                && outbox.Reason is ReasonCode.OutboxFull or ReasonCode.OutboxLogFull or ReasonCode.OutboxLogFailed
                || outbox.MemoryBytes + outbox.LogBytes > NearlyFull * room))
        {
            var over = outbox.Rung is OutboxRung.ChangeMap;
            yield return About(group, AlertKind.OutboxFull, over ? AlertSeverity.Critical : AlertSeverity.Warning,
                outbox.Reason is ReasonCode.None ? ReasonCode.OutboxFull : outbox.Reason,
                over ? $"the outbox of group {name} could not take more: points stop until the gap is pulled"
                    : $"the outbox of group {name} is {(outbox.MemoryBytes + outbox.LogBytes) / (double)room:P0} full",
                "The link takes less than the guests write: look at it and at the caps (`lifeboat link get`, "
                + $"`lifeboat group policy {name}`).");
        }
        if (source.LastQuiesce is { Reason: not ReasonCode.None } quiesce)
        {
            yield return About(group, AlertKind.QuiesceFailed, AlertSeverity.Warning, quiesce.Reason,
                $"the point of group {name} at {quiesce.At:u} is not as the policy asks"
                + (quiesce.Detail is { } detail ? $": {detail}" : ""),
                "Look at the guest agent of the instance. The next point that is quiesced well closes this.")
                with { Patience = TimeSpan.Zero };
        }
        foreach (var disk in source.Unprotected)
            yield return About(group, AlertKind.VolumeUnprotected, AlertSeverity.Warning,
                ReasonCode.VolumeUnprotected, $"{disk.Volume} is not protected, its instance is in group {name}",
                disk.Advice(name, now.Site)) with { Subject = $"{name}/{disk.Volume}" };
    }

    private static IEnumerable<Condition> Replica(GroupInfo group, ReplicaStatus replica)
    {
        var name = group.Definition.Name;
        var open = replica.Damages.Where(d => d.MendedAt is null).ToList();
        if (open.Count > 0)
        {
            yield return About(group, AlertKind.ReplicaDamaged, AlertSeverity.Critical, ReasonCode.ReplicaDamaged,
                $"the replica of group {name} is damaged at {open.Count} places, the first: {open[0]}",
                "What is damaged is asked of the source and mended by itself. Look at the disks of this site; "
                + $"`lifeboat group get {name}` says which points are sound.") with { Patience = TimeSpan.Zero };
        }
        if (replica.Reason is ReasonCode.TargetFull)
        {
            yield return About(group, AlertKind.StoreFull, AlertSeverity.Critical, ReasonCode.TargetFull,
                $"history of group {name} cannot be folded: {replica.Detail}",
                "Make room at this site, or shorten the group's retention. Replication goes on until then.");
        }
    }

    private static Condition About(GroupInfo group, AlertKind kind, AlertSeverity severity, ReasonCode reason,
        string summary, string advice) =>
        new(kind, severity, group.Definition.Name, reason, summary, advice)
        {
            Group = group.Definition.Name,
            Tenant = Tenants.Of(group.Definition),
        };
}
