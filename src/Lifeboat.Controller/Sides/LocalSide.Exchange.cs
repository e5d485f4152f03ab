// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Contracts.Agents;
using Lifeboat.Contracts.Peers;
using Lifeboat.Controller.Groups;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;

namespace Lifeboat.Controller.Sides;

internal sealed partial class LocalSide
{
    /// <summary>
    /// Takes over what a peer knows newer about groups that it shares with this site. A group that cannot be taken over
    /// holds up none of the others, which may be other tenants'.
    /// </summary>
    /// <returns>Why the first of those was not taken over; null: all were.</returns>
    public async Task<ProblemException?> LearnAsync(string peer, GroupExchange theirs, CancellationToken ct)
    {
        ProblemException? refused = null;
        foreach (var record in theirs.Groups)
        {
            var group = record.Definition;
            if (!IsShared(group, peer) || group.Problems().Any()) continue;
            try
            {
                await TakeAsync(record, ct);
            }
            catch (ProblemException e) when (e.Reason is not ReasonCode.DatabaseUnavailable)
            {
                refused ??= e;
            }
        }
        return refused;
    }

    /// <summary>Ends a group that another site deleted, unless it goes on here, see
    /// <see cref="GroupMerging"/>.</summary>
    /// <exception cref="ProblemException">StaleEpoch: it goes on here.</exception>
    public async Task LearnRemovalAsync(GroupDefinition removed, CancellationToken ct)
    {
        await TakeAsync(new GroupRecord(removed, Removed: true), ct);
        if (groups.Find(removed.Name) is { Removed: false })
            throw new ProblemException(ReasonCode.StaleEpoch, $"site {name} knows a newer group {removed.Name}, or "
                + "edits of it that who deleted it did not know");
    }

    private async Task TakeAsync(GroupRecord theirs, CancellationToken ct)
    {
        var group = theirs.Definition.Name;
        // Looked at without the lock, since nearly always nothing is new.
        if (Learned(groups.Find(group), theirs) is null) return;
        using var alone = await locks.EnterAsync(group, ct);
        var known = groups.Find(group);
        if (Learned(known, theirs) is not { } next) return;
        if (!next.Removed)
        {
            await KeepAsync(known, next.Definition, ct);
            return;
        }
        if (known is not { Removed: true }) await EndAsync(next.Definition, ct);
        groups.Save(next);
    }

    private GroupRecord? Learned(GroupRecord? known, GroupRecord theirs) =>
        GroupMerging.Learned(known, theirs, name, writer.Name, time.GetUtcNow());

    // Made here from what is here: the next version where it runs, else the same one with one edit more.
    private bool IsNext(GroupDefinition edited, GroupRecord? known)
    {
        if (known is not { Removed: false, Definition: var now } || GroupMerging.HasNews(now, edited)) return false;
        return edited.PrimarySite == name ? edited.Supersedes(now)
            : (edited.Epoch, edited.Version) == (now.Epoch, now.Version);
    }

    /// <summary>What the agents here say of the groups that are between a peer and this site.</summary>
    public async Task<PeerStatuses> StatusesAsync(string peer, CancellationToken ct)
    {
        var (known, wanted) = (groups.Now(), specs.Now());
        bool IsTheirs(string group) => known.GetValueOrDefault(group) is { Removed: false, Definition: var definition }
            && IsBetween(definition, peer);
        var sources = new List<SourceStatus>();
        foreach (var host in wanted.Sources.Where(s => IsTheirs(s.Spec.Group)).GroupBy(s => s.Spec.Host))
        {
            var there = await SourcesAsync(host.Key, ct);
            foreach (var source in host)
                if (there.TryGetValue(source.Spec.Group, out var status)) sources.Add(status);
        }
        var moved = known.Keys.Where(g => mover.Moves(g) && IsTheirs(g)).ToList();
        sources.AddRange(moved.Select(mover.Source).OfType<SourceStatus>());
        var replicas = wanted.Replicas.Any(r => IsTheirs(r.Spec.Group)) ? await ReplicasAsync(ct)
            : new Dictionary<string, ReplicaStatus>();
        return new PeerStatuses(sources,
        [
            .. replicas.Values.Where(r => IsTheirs(r.Group)), .. moved.Select(mover.Replica).OfType<ReplicaStatus>(),
        ]);
    }

    private bool IsBetween(GroupDefinition group, string peer) =>
        group.PrimarySite == peer && group.RecoverySite == name
        || group.PrimarySite == name && group.RecoverySite == peer;

    /// <exception cref="ProblemException">NotAllowed, GroupExists: not between that peer and this site.</exception>
    public void ThrowUnlessShared(string peer, GroupDefinition group)
    {
        if (IsShared(group, peer)) return;
        throw groups.Find(group.Name) is { Removed: false }
            ? new ProblemException(ReasonCode.GroupExists, $"site {name} has another group {group.Name}")
            : new ProblemException(ReasonCode.NotAllowed, $"group {group.Name} is not between {peer} and {name}");
    }

    // A peer speaks only of groups between it and this site, and must not take one away from another peer.
    private bool IsShared(GroupDefinition group, string peer)
    {
        var sites = new HashSet<string> { group.PrimarySite, group.RecoverySite };
        var known = groups.Find(group.Name)?.Definition;
        return sites.SetEquals([peer, name])
            && (known is null || sites.SetEquals([known.PrimarySite, known.RecoverySite]));
    }
}
