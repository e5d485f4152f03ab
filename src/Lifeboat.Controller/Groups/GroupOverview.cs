// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Contracts.Agents;
using Lifeboat.Contracts.Api;
using Lifeboat.Contracts.Sites;
using Lifeboat.Controller.Peers;
using Lifeboat.Controller.Runs;
using Lifeboat.Controller.Schedules;
using Lifeboat.Controller.Sides;
using Lifeboat.Controller.Storage;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;
using Lifeboat.Protection.Plans;
using Lifeboat.Recovery.Runs;

namespace Lifeboat.Controller.Groups;

/// <summary>Groups as people see them: definition, state, live status of both ends as far as they answer.</summary>
internal sealed class GroupOverview(LocalSide here, GroupStore groups, SpecStore specs, InstanceCatalog instances,
    PeerDirectory peers, PeerTruce truce, IRunStore runs, DivergenceStore divergences, DrillBook drills,
    TimeProvider time)
{
    // A peer that is slow must not make the 3 a.m. status slow.
    private static readonly TimeSpan PeerLimit = TimeSpan.FromSeconds(2);

    public Task<IReadOnlyList<GroupInfo>> AllAsync(CancellationToken ct) => AllAsync(_ => true, ct);

    /// <param name="sees">Of which tenants.</param>
    public async Task<IReadOnlyList<GroupInfo>> AllAsync(Func<string, bool> sees, CancellationToken ct)
    {
        var infos = new List<GroupInfo>();
        foreach (var record in groups.All().Where(r => !r.Removed && sees(r.Definition.Tenant)))
            infos.Add(await OfAsync(record.Definition, ct));
        return infos;
    }

    /// <summary>All groups as this site alone knows them: nobody else is asked.</summary>
    public async Task<IReadOnlyList<GroupInfo>> HereAsync(CancellationToken ct)
    {
        var infos = new List<GroupInfo>();
        foreach (var record in groups.All().Where(r => !r.Removed))
            infos.Add(await OfAsync(record.Definition, alone: true, ct));
        return infos;
    }

    public Task<GroupInfo> OfAsync(GroupDefinition group, CancellationToken ct) => OfAsync(group, alone: false, ct);

    private async Task<GroupInfo> OfAsync(GroupDefinition group, bool alone, CancellationToken ct)
    {
        var (source, replica, agentReason) = await AskAgentAsync(group, ct);
        var active = (await runs.UnfinishedAsync(ct)).FirstOrDefault(r => r.Group == group.Name);
        var now = time.GetUtcNow();
        var divergence = divergences.Of(group);
        var condition = GroupStates.Of(new GroupFacts(group, here.Name, source, SourceWanted(group), replica,
            ReplicaWanted(group), agentReason, Kind(active), await MemberRunsAsync(group, ct), now,
            divergence));
        var (theirSource, theirReplica) = alone ? (null, null) : await AskPeerAsync(group, ct);
        source ??= theirSource;
        replica ??= theirReplica;
        var newest = replica?.Newest ?? source?.LastSealed;
        return new GroupInfo
        {
            Definition = group,
            Host = SourceWanted(group) ? here.HostOf(group.Name) : null,
            State = condition.State,
            Reason = condition.Reason,
            Detail = condition.Detail,
            Since = groups.Since(group.Name, condition.State, condition.Reason, now),
            Source = source,
            Replica = replica,
            NewestPoint = newest,
            Exposure = newest is null ? null : now - newest.CutAt,
            Divergence = divergence,
            Drills = alone ? null : drills.Of(group),
            ActiveRun = active?.Id,
        };
    }

    // One that waits to be approved has changed nothing yet.
    private static RunKind? Kind(Run? active) =>
        active is { State: not RunState.WaitingApproval } ? active.Kind : null;

    /// <summary>A replica for the present primary site, made in this epoch.</summary>
    public bool ReplicaWanted(GroupDefinition group) =>
        group.RecoverySite == here.Name && specs.Replica(group.Name) is { Active: true } replica
        && replica.Spec.PrimarySite == group.PrimarySite;

    private bool SourceWanted(GroupDefinition group) =>
        group.PrimarySite == here.Name && specs.Source(group.Name) is { Active: true };

    private async Task<(SourceStatus?, ReplicaStatus?, ReasonCode)> AskAgentAsync(GroupDefinition group,
        CancellationToken ct)
    {
        try
        {
            // Of a former stint the agent may still know something that says nothing of the present.
            return (SourceWanted(group) ? await here.SourceAsync(group.Name, ct) : null,
                ReplicaWanted(group) ? await here.ReplicaAsync(group.Name, ct) : null, ReasonCode.None);
        }
        catch (ProblemException e)
        {
            return (null, null, e.Reason);
        }
    }

    private async Task<(SourceStatus?, ReplicaStatus?)> AskPeerAsync(GroupDefinition group, CancellationToken ct)
    {
        var other = group.Other(here.Name);
        if (!peers.Knows(other) || !peers.Client(other).Answers) return (null, null);
        if (await truce.HoldsAsync(other, ct)) return (null, null);
        using var limit = new CancellationTokenSource(PeerLimit, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(ct, limit.Token);
        try
        {
            var side = peers.Side(other);
            return group.PrimarySite == other
                ? (await side.SourceAsync(group.Name, either.Token), null)
                : (null, await side.ReplicaAsync(group.Name, either.Token));
        }
        catch (Exception e) when (e is ProblemException
            || e is OperationCanceledException && limit.IsCancellationRequested)
        {
            return (null, null);
        }
    }

    // Only a site that has lost the primary role is asked: every look takes its turn at the instances' monitors.
    private async Task<bool> MemberRunsAsync(GroupDefinition group, CancellationToken ct)
    {
        if (group.PrimarySite == here.Name || ReplicaWanted(group)) return false;
        foreach (var member in group.Members)
        {
            if (await instances.FindAsync(member.Instance, ct) is { Power: InstancePower.Running }) return true;
        }
        return false;
    }
}
