// SPDX-License-Identifier: Apache-2.0
using System.Collections.Concurrent;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Agents;
using Lifeboat.Contracts.Peers;
using Lifeboat.Controller.Api.Requests;
using Lifeboat.Controller.Backups;
using Lifeboat.Controller.Groups;
using Lifeboat.Controller.Peers;
using Lifeboat.Controller.Storage;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;
using Lifeboat.Recovery;
using Lifeboat.Recovery.Names;
using Lifeboat.Recovery.Sides;
using Lifeboat.Sites;
using Microsoft.Extensions.Logging;

namespace Lifeboat.Controller.Sides;

// This site, for steps, for peers that ask, and for the loop that keeps the desired state.
//
// Invariants: a definition kept here never gets older. When a newer one has been set, the replica here refuses older
// epochs and no source of a site that is not primary runs. Each is checked again at every call, so that a call which
// was cut off is simply repeated.
internal sealed partial class LocalSide(string name, ISite site, AgentClient agent, SiteAgents agents,
    GroupStore groups, SpecStore specs, BootFiles boot, PeerDirectory peers, PluggedDisks plugged,
    SourceSightings sightings, GroupLocks locks, EditWriter writer, INameServers names, TimeProvider time,
    BackupMover mover, ILogger<LocalSide> logger) : IOwnSide
{
    private readonly ConcurrentDictionary<string, SharedAnswer<IReadOnlyDictionary<string, SourceStatus>>> _sources =
        new(StringComparer.Ordinal);
    private readonly SharedAnswer<IReadOnlyDictionary<string, ReplicaStatus>> _replicas = new(time);

    public string Name => name;

    public Task<GroupDefinition?> GroupAsync(string group, CancellationToken ct) =>
        Task.FromResult(groups.Find(group) is { Removed: false } record ? record.Definition : null);

    public GroupDefinition Require(string group) => groups.Find(group) is { Removed: false } record
        ? record.Definition
        : throw new ProblemException(ReasonCode.GroupUnknown, $"site {name} has no group {group}");

    public async Task SetGroupAsync(GroupDefinition definition, CancellationToken ct)
    {
        using var alone = await locks.EnterAsync(definition.Name, ct);
        var known = groups.Find(definition.Name);
        var next = Learned(known, new GroupRecord(definition, Removed: false));
        if (known?.Definition.Supersedes(definition) == true || (next ?? known) is { Removed: true })
        {
            throw new ProblemException(ReasonCode.StaleEpoch,
                $"site {name} knows group {definition.Name} in epoch {known!.Definition.Epoch}, version "
                + $"{known.Definition.Version}; {definition.Epoch}, {definition.Version} is older",
                known.Removed ? "It was deleted." : $"Its primary site is {known.Definition.PrimarySite}.");
        }
        // Said again by a peer it is no news, but what follows from it is to be so all the same.
        if (next is null) await FenceAsync(known!.Definition, ct);
        else await KeepAsync(known, next.Definition, ct);
    }

    /// <summary>Takes a version that was made here just now from the one before.</summary>
    /// <exception cref="ProblemException">PreconditionFailed: there is another one of that number by now.</exception>
    public async Task EditGroupAsync(GroupDefinition next, CancellationToken ct)
    {
        using var alone = await locks.EnterAsync(next.Name, ct);
        var known = groups.Find(next.Name);
        // It would be lost without a word.
        if (!IsNext(next, known))
            throw new ProblemException(ReasonCode.PreconditionFailed,
                $"group {next.Name} was changed by something else meanwhile", "Read it again.");
        DryRun.EndsHere();
        await KeepAsync(known, next, ct);
    }

    private async Task KeepAsync(GroupRecord? known, GroupDefinition next, CancellationToken ct)
    {
        // First: a volume that is known before there is a place for it would end the stream.
        if (next.Supersedes(known?.Definition)) await MakeRoomAsync(next, ct);
        groups.Save(new GroupRecord(next, Removed: false));
        LogGroupLearned(next.Name, next.Epoch, next.Version, next.PrimarySite);
        await FenceAsync(next, ct);
    }

    /// <summary>
    /// Ends the group here: source, replica and kept states go, the instances stay. It is kept as deleted.
    /// </summary>
    public async Task RemoveGroupAsync(GroupDefinition removed, CancellationToken ct)
    {
        using var alone = await locks.EnterAsync(removed.Name, ct);
        var known = groups.Find(removed.Name);
        if (known?.Definition.Supersedes(removed) == true || known is { Removed: false }
            && GroupMerging.HasNews(known.Definition, removed))
            throw new ProblemException(ReasonCode.StaleEpoch, $"site {name} knows a newer group {removed.Name}");
        await EndAsync(removed, ct);
        groups.Save(new GroupRecord(removed, Removed: true));
    }

    private async Task EndAsync(GroupDefinition removed, CancellationToken ct)
    {
        if (removed.MovedByCloud)
        {
            // Its backups go by and by, see BackupMover.
            specs.RemoveSource(removed.Name);
            specs.RemoveReplica(removed.Name);
            return;
        }
        if (specs.Source(removed.Name) is not null)
        {
            await UninstallAsync(removed, ct);
            specs.RemoveSource(removed.Name);
        }
        if (specs.Replica(removed.Name) is not null)
        {
            await agent.DeleteReplicaAsync(removed.Name, ct);
            specs.RemoveReplica(removed.Name);
        }
        await agent.DeleteKeptAsync(removed.Name, ct);
    }

    private async Task FenceAsync(GroupDefinition group, CancellationToken ct)
    {
        await FenceSourceAsync(group, ct);
        await RaiseEpochAsync(group, ct);
        await ApplyRetentionAsync(group, ct);
    }

    private async Task FenceSourceAsync(GroupDefinition group, CancellationToken ct)
    {
        if (specs.Source(group.Name) is not { } source) return;
        if (group.PrimarySite != name)
        {
            // The change maps stay: should the move be rolled back, only what changed has to be sent.
            if (source.Active) LogFenced(group.Name, group.PrimarySite, group.Epoch);
            specs.SaveSource(source.Spec, active: false);
            if (group.MovedByCloud) return;
            await agents.Of(source.Spec.Host).DeleteSourceAsync(group.Name, uninstall: false, ct);
        }
        else if (source.Spec.RecoverySite == group.RecoverySite
            && (source.Spec.Epoch < group.Epoch || source.Active && source.Spec.Policy != group.Policy))
        {
            var spec = source.Spec with
            {
                Epoch = group.Epoch,
                Policy = group.Policy,
                Suspension = group.Suspension,
                Moves = group.SourceMoves,
            };
            specs.SaveSource(spec, active: true);
            if (group.MovedByCloud) return;
            await agents.Of(spec.Host).PutSourceAsync(spec, ct);
        }
    }

    // Whatever replica the agent has, known to this database or not. Its spec stays in the epoch it was made in:
    // another spec would make the agent open the replica anew, under the instances that run from its views.
    private async Task RaiseEpochAsync(GroupDefinition group, CancellationToken ct)
    {
        if (group.MovedByCloud) return;
        try
        {
            await agent.RaiseEpochAsync(group.Name, new EpochRequest(group.Epoch, group.SourceMoves), ct);
        }
        catch (ProblemException e) when (e.Reason is ReasonCode.GroupUnknown or ReasonCode.JournalCorrupt)
        {
            // There is no replica, or one that takes nothing in: no old writer can reach it.
        }
    }

    private GroupMember MemberOf(string group, string instance) =>
        Require(group).Members.FirstOrDefault(m => m.Instance == instance)
        ?? throw new ProblemException(ReasonCode.InstanceUnknown, $"{instance} is not in group {group}");

    private static async Task<T> AskSiteAsync<T>(Task<T> asked)
    {
        try
        {
            return await asked;
        }
        catch (SiteException e)
        {
            throw SiteProblem.Of(e);
        }
    }

    private static async Task AskSiteAsync(Task asked)
    {
        try
        {
            await asked;
        }
        catch (SiteException e)
        {
            throw SiteProblem.Of(e);
        }
    }

    [LoggerMessage(EventIds.GroupLearned, LogLevel.Information,
        "Group {Group} is now known in epoch {Epoch}, version {Version}; primary site {Primary}")]
    private partial void LogGroupLearned(string group, Epoch epoch, long version, string primary);

    [LoggerMessage(EventIds.Fenced, LogLevel.Warning,
        "Group {Group}: site {Primary} is primary in epoch {Epoch}; the source here was stopped")]
    private partial void LogFenced(string group, string primary, Epoch epoch);
}
