// SPDX-License-Identifier: Apache-2.0
using System.Collections.Concurrent;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Agents;
using Lifeboat.Contracts.Api;
using Lifeboat.Contracts.Peers;
using Lifeboat.Contracts.Sites;
using Lifeboat.Controller.Peers;
using Lifeboat.Controller.Runs;
using Lifeboat.Controller.Schedules;
using Lifeboat.Controller.Sides;
using Lifeboat.Controller.Standing;
using Lifeboat.Controller.Storage;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;
using Lifeboat.Protection.Plans;
using Lifeboat.Recovery.Runs;

namespace Lifeboat.Controller.Groups;

/// <summary>Groups as people see them: definition, state, live status of both ends as far as they answer.</summary>
internal sealed class GroupOverview(LocalSide here, GroupStore groups, SpecStore specs, InstanceCatalog instances,
    PeerDirectory peers, PeerTruce truce, IRunStore runs, DivergenceStore divergences, DrillBook drills,
    StandingBook standing, TimeProvider time)
{
    private readonly ConcurrentDictionary<string, SharedAnswer<PeerStatuses>> _said = new(StringComparer.Ordinal);

    public Task<IReadOnlyList<GroupInfo>> AllAsync(CancellationToken ct) => AllAsync(_ => true, ct);

    /// <param name="sees">Of which tenants.</param>
    public Task<IReadOnlyList<GroupInfo>> AllAsync(Func<string, bool> sees, CancellationToken ct) =>
        OfAsync([.. Present().Where(d => sees(d.Tenant))], alone: false, ct);

    /// <summary>All groups as this site alone knows them: nobody else is asked.</summary>
    public Task<IReadOnlyList<GroupInfo>> HereAsync(CancellationToken ct) => OfAsync([.. Present()], alone: true, ct);

    public async Task<GroupInfo> OfAsync(GroupDefinition group, CancellationToken ct)
    {
        var stored = specs.Now();
        var (source, replica, reason) = await AskAgentAsync(group, stored,
            _ => here.SourceAsync(group.Name, ct), () => here.ReplicaAsync(group.Name, ct));
        var active = (await runs.UnfinishedAsync(ct)).FirstOrDefault(r => r.Group == group.Name);
        var divergence = divergences.Of(group);
        var now = time.GetUtcNow();
        var condition = GroupStates.Of(new GroupFacts(group, here.Name, source, SourceWanted(group, stored), replica,
            ReplicaWanted(group, stored), reason, Kind(active), await MemberRunsAsync(group, stored, ct), now,
            divergence));
        var (theirSource, theirReplica) = await AskPeerAsync(group, ct);
        return Info(group, stored, condition, (source ?? theirSource, replica ?? theirReplica), divergence, active,
            groups.Since(group.Name, condition.State, condition.Reason, now), drills.Of(group), now);
    }

    private IEnumerable<GroupDefinition> Present() =>
        groups.Now().Values.Where(r => !r.Removed).Select(r => r.Definition);

    private async Task<IReadOnlyList<GroupInfo>> OfAsync(IReadOnlyList<GroupDefinition> some, bool alone,
        CancellationToken ct)
    {
        if (some.Count == 0) return [];
        var look = await LookAsync(some, alone, ct);
        var infos = new List<GroupInfo>(some.Count);
        foreach (var group in some) infos.Add(await OfAsync(group, look, ct));
        // All in one: when a site goes, every group has another state at once.
        if (look.Noted.Count > 0) groups.Note(look.Noted);
        return infos;
    }

    private async Task<GroupLook> LookAsync(IReadOnlyList<GroupDefinition> some, bool alone, CancellationToken ct)
    {
        var unfinished = await runs.UnfinishedAsync(ct);
        var look = new GroupLook
        {
            Specs = specs.Now(),
            Runs = unfinished.ToDictionary(r => r.Group, StringComparer.Ordinal),
            Divergences = some.Any(g => g.Fork is { Loser: null }) ? divergences.Open(some)
                : new Dictionary<string, DivergenceNotice>(),
            States = groups.States(),
            Drills = alone ? new Dictionary<string, DrillStatus>() : drills.Of(some),
        };
        List<Task> asked = [look.AskAgentsAsync(here, ct)];
        foreach (var other in alone ? [] : some.Select(g => g.Other(here.Name)).Distinct(StringComparer.Ordinal))
            if (peers.Knows(other) && peers.Client(other).Answers && !PeerTruce.Holds(other, unfinished))
                asked.Add(look.AskPeerAsync(peers.Side(other), _said.GetOrAdd(other, _ => new(time)), time, ct));
        await Task.WhenAll(asked);
        return look;
    }

    private async Task<GroupInfo> OfAsync(GroupDefinition group, GroupLook look, CancellationToken ct)
    {
        var stored = look.Specs;
        var (source, replica, reason) = await AskAgentAsync(group, stored,
            wanted => look.SourceAsync(here, wanted, ct), () => look.ReplicaAsync(here, group.Name, ct));
        var active = look.Runs.GetValueOrDefault(group.Name);
        var divergence = look.Divergences.GetValueOrDefault(group.Name);
        var now = time.GetUtcNow();
        var condition = GroupStates.Of(new GroupFacts(group, here.Name, source, SourceWanted(group, stored), replica,
            ReplicaWanted(group, stored), reason, Kind(active), await MemberRunsAsync(group, stored, ct), now,
            divergence));
        var noted = look.States.GetValueOrDefault(group.Name);
        if (noted?.Is(condition.State, condition.Reason) != true)
            look.Noted[group.Name] = noted = new NotedState(condition.State, condition.Reason, now);
        var fromHome = group.PrimarySite == here.Name;
        return Info(group, stored, condition, (source ?? (fromHome ? null : look.TheirSource(group.Name)),
            replica ?? (fromHome ? look.TheirReplica(group.Name) : null)), divergence, active, noted.Since,
            look.Drills.GetValueOrDefault(group.Name), now);
    }

    private GroupInfo Info(GroupDefinition group, SpecStore.StoredSpecs stored, GroupCondition condition,
        (SourceStatus? Source, ReplicaStatus? Replica) seen, DivergenceNotice? divergence, Run? active,
        DateTimeOffset since, DrillStatus? drilled, DateTimeOffset now)
    {
        var newest = seen.Replica?.Newest ?? seen.Source?.LastSealed;
        return new GroupInfo
        {
            Definition = group,
            Host = SourceWanted(group, stored) ? stored.Source(group.Name)!.Spec.Host : null,
            State = condition.State,
            Reason = condition.Reason,
            Detail = condition.Detail,
            Since = since,
            Source = seen.Source,
            Replica = seen.Replica,
            NewestPoint = newest,
            Exposure = newest is null ? null : now - newest.CutAt,
            Divergence = divergence,
            Conflicts = GroupMerging.Conflicts(group),
            Faults = GroupMerging.Faults(group),
            Drills = drilled,
            Standing = standing.Of(group.Name),
            ActiveRun = active?.Id,
        };
    }

    // One that waits to be approved has changed nothing yet.
    private static RunKind? Kind(Run? active) =>
        active is { State: not RunState.WaitingApproval } ? active.Kind : null;

    /// <summary>A replica for the present primary site, made in this epoch.</summary>
    public bool ReplicaWanted(GroupDefinition group) => ReplicaWanted(group, specs.Now());

    private bool ReplicaWanted(GroupDefinition group, SpecStore.StoredSpecs stored) =>
        group.RecoverySite == here.Name && stored.Replica(group.Name) is { Active: true } replica
        && replica.Spec.PrimarySite == group.PrimarySite;

    private bool SourceWanted(GroupDefinition group, SpecStore.StoredSpecs stored) =>
        group.PrimarySite == here.Name && stored.Source(group.Name) is { Active: true };

    private async Task<(SourceStatus?, ReplicaStatus?, ReasonCode)> AskAgentAsync(GroupDefinition group,
        SpecStore.StoredSpecs stored, Func<SpecStore.StoredSource, Task<SourceStatus?>> askSourceAsync,
        Func<Task<ReplicaStatus?>> askReplicaAsync)
    {
        try
        {
            // Of a former stint the agent may still know something that says nothing of the present.
            return (SourceWanted(group, stored) ? await askSourceAsync(stored.Source(group.Name)!) : null,
                ReplicaWanted(group, stored) ? await askReplicaAsync() : null, ReasonCode.None);
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
        using var limit = new CancellationTokenSource(GroupLook.PeerLimit, time);
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
    private async Task<bool> MemberRunsAsync(GroupDefinition group, SpecStore.StoredSpecs stored, CancellationToken ct)
    {
        if (group.PrimarySite == here.Name || ReplicaWanted(group, stored)) return false;
        foreach (var member in group.Members.Where(m => m.Kind is not MemberKind.VolumeOnly))
        {
            if (await instances.FindAsync(member.Instance, ct) is { Power: InstancePower.Running }) return true;
        }
        return false;
    }
}
