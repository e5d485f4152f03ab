// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Contracts.Agents;
using Lifeboat.Contracts.Peers;
using Lifeboat.Contracts.Sites;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;
using Lifeboat.Protection.RecoveryPoints;
using Lifeboat.Sites;

namespace Lifeboat.Controller.Sides;

internal sealed partial class LocalSide
{
    public async Task AcceptReplicaAsync(string group, AcceptReplicaRequest request, CancellationToken ct)
    {
        using var alone = await locks.EnterAsync(group, ct);
        var definition = RequireRecoverySite(group);
        var held = request.Seeded && !definition.MovedByCloud && !IsAccepted(definition)
            && await HoldAsync(definition, request, ct);
        await AcceptAsync(definition, request.Seeded, held, ct);
    }

    private bool IsAccepted(GroupDefinition group) =>
        specs.Replica(group.Name) is { Active: true } known && known.Accepted == group.Epoch;

    /// <param name="held">All that the old disks hold is in the group's history, or kept beside it.</param>
    private async Task AcceptAsync(GroupDefinition definition, bool seeded, bool held, CancellationToken ct)
    {
        var group = definition.Name;
        if (definition.MovedByCloud)
        {
            await mover.RequireReadyAsync(definition, ct);
            if (!IsAccepted(definition))
                specs.SaveReplica(new(MovedSpecOf(definition), definition.Epoch, Active: true));
            return;
        }
        if (specs.Replica(group) is { } known && IsAccepted(definition))
        {
            await agent.PutReplicaAsync(known.Spec, ct);
            return;
        }
        var seeds = seeded ? await DisksAsync(definition.Volumes, ct) : [];
        var stints = seeded && held ? await StintsAsync(definition, ct) : [];
        if (seeded) await TellLeftAsync(definition, ct);
        // What is left of an earlier stint. Only now is it dropped: up to here it could still be recovered from.
        await agent.DeleteReplicaAsync(group, ct);
        var spec = new ReplicaSpec
        {
            Group = group,
            PrimarySite = definition.PrimarySite,
            Epoch = definition.Epoch,
            Retention = definition.Policy.Retention,
            Volumes =
            [
                .. from v in definition.Volumes
                   let seed = seeds.GetValueOrDefault(v.Name)
                   select new ReplicaVolume(v.Index, v.Name, seed?.SizeBytes ?? v.SizeBytes, seed?.File,
                       TargetOf(definition, v), seed?.Format)
                   {
                       SeedStint = seed is null ? null : stints.GetValueOrDefault(v.Instance),
                   },
            ],
        };
        await agent.PutReplicaAsync(spec, ct);
        specs.SaveReplica(new(spec, definition.Epoch, Active: true));
    }

    private static ReplicaSpec MovedSpecOf(GroupDefinition group) => new()
    {
        Group = group.Name,
        PrimarySite = group.PrimarySite,
        Epoch = group.Epoch,
        Retention = group.Policy.Retention,
        Volumes = [],
    };

    /// <summary>Puts what is wanted to the agent again.</summary>
    public async Task RestoreReplicaAsync(string group, CancellationToken ct)
    {
        if (mover.Moves(group)) return;
        using var alone = locks.TryEnter(group);
        if (alone is null) return;
        if (specs.Replica(group) is not { Active: true } replica) return;
        await agent.PutReplicaAsync(replica.Spec, ct);
        await RaiseEpochAsync(Require(group), ct);
        await ApplyRetentionAsync(Require(group), ct);
    }

    // Retention alone is taken over by an open replica: views and instances that run from them are left alone.
    private async Task ApplyRetentionAsync(GroupDefinition group, CancellationToken ct)
    {
        if (specs.Replica(group.Name) is not { Active: true } replica
            || replica.Spec.Retention.Equals(group.Policy.Retention)) return;
        var spec = replica.Spec with { Retention = group.Policy.Retention };
        specs.SaveReplica(replica with { Spec = spec });
        if (group.MovedByCloud) return;
        await agent.PutReplicaAsync(spec, ct);
    }

    public async Task DropReplicaAsync(string group, CancellationToken ct)
    {
        using var alone = await locks.EnterAsync(group, ct);
        if (!mover.Moves(group)) await agent.DeleteReplicaAsync(group, ct);
        specs.RemoveReplica(group);
    }

    /// <exception cref="ProblemException">WrongSite: the replica is elsewhere.</exception>
    public async Task ScrubAsync(string group, CancellationToken ct)
    {
        var definition = Require(group);
        if (definition.MovedByCloud)
            throw new ProblemException(ReasonCode.WrongState, $"group {group} is moved by its cloud: Lifeboat has no "
                + "replica of it to read through", "A drill restores a point.");
        if (specs.Replica(group) is not { Active: true })
        {
            throw new ProblemException(ReasonCode.WrongSite, $"site {name} has no replica of {group}",
                $"Ask site {definition.Other(name)}.");
        }
        await agent.ScrubAsync(group, ct);
    }

    public async Task<ReplicaStatus?> ReplicaAsync(string group, CancellationToken ct)
    {
        if (mover.Moves(group)) return mover.Replica(group);
        try
        {
            var status = await agent.ReplicaAsync(group, ct);
            sightings.Observe(group, status.Connected, time.GetUtcNow());
            return status;
        }
        catch (ProblemException e) when (e.Reason is ReasonCode.GroupUnknown)
        {
            return null;
        }
    }

    /// <summary>
    /// All replicas that the agent has and can open, by group, as it said within the last second.
    /// </summary>
    /// <exception cref="ProblemException">AgentUnreachable: it did not answer.</exception>
    public Task<IReadOnlyDictionary<string, ReplicaStatus>> ReplicasAsync(CancellationToken ct) =>
        SoonAsync(AgentConfiguration.DefaultHost, _replicas.AskAsync(async limit =>
        {
            var all = await agent.ReplicasAsync(limit);
            var now = time.GetUtcNow();
            foreach (var status in all) sightings.Observe(status.Group, status.Connected, now);
            return all.ToDictionary(r => r.Group, StringComparer.Ordinal);
        }, ct), ct);

    private static async Task<T> SoonAsync<T>(string host, Task<T> asked, CancellationToken ct)
    {
        try
        {
            return await asked;
        }
        catch (OperationCanceledException e) when (!ct.IsCancellationRequested)
        {
            throw new ProblemException(ReasonCode.AgentUnreachable, $"the agent of host {host} did not answer in time",
                cause: e);
        }
    }

    public Task<IReadOnlyList<RecoveryPoint>> PointsAsync(string group, CancellationToken ct) =>
        mover.Moves(group) ? Task.FromResult(mover.Points(group)) : agent.PointsAsync(group, ct);

    public Task PinAsync(string group, PinRequest request, CancellationToken ct)
    {
        if (!mover.Moves(group)) return agent.PinAsync(group, request, ct);
        mover.Pin(group, request);
        return Task.CompletedTask;
    }

    public Task UnpinAsync(string group, string pin, CancellationToken ct)
    {
        if (!mover.Moves(group)) return agent.UnpinAsync(group, pin, ct);
        mover.Unpin(group, pin);
        return Task.CompletedTask;
    }

    public Task<ViewInfo> OpenViewAsync(string group, ViewRequest request, CancellationToken ct) =>
        mover.Moves(group) ? throw new ProblemException(ReasonCode.WrongState,
                $"a point of group {group} is its cloud's and cannot be opened", "A drill restores it.")
            : agent.OpenViewAsync(group, request, ct);

    public Task CloseViewAsync(string group, string view, CancellationToken ct) =>
        mover.Moves(group) ? Task.CompletedTask : agent.CloseViewAsync(group, view, ct);

    public DateTimeOffset? SourceLastSeen(string group) =>
        mover.Moves(group) ? mover.SourceLastSeen(group) : sightings.Last(group);

    public long PeerRequests(string other) => peers.RequestsTo(other);

    private GroupDefinition RequireRecoverySite(string group)
    {
        var definition = Require(group);
        return definition.RecoverySite == name ? definition : throw new ProblemException(ReasonCode.WrongSite,
            $"site {definition.RecoverySite} is the recovery site of group {group}, not {name}");
    }

    private string? TargetOf(GroupDefinition group, GroupVolume volume) =>
        group.TargetDisks.FirstOrDefault(t => t.Site == name && t.Volume == volume.Name)?.Path;

    /// <summary>Disks as this site last ran them, by volume; those it has not got are left out.</summary>
    private async Task<Dictionary<string, SiteDisk>> DisksAsync(IEnumerable<GroupVolume> volumes, CancellationToken ct)
    {
        var seeds = new Dictionary<string, SiteDisk>();
        foreach (var member in volumes.GroupBy(v => v.Instance))
        {
            if (await FindInstanceAsync(member.Key, ct) is not { } instance) continue;
            foreach (var volume in member)
            {
                var disk = instance.Disks.FirstOrDefault(d => d.Name == volume.Disk);
                if (disk is { File: { } file, Native: true } && (!DiskImage.IsFile(file) || File.Exists(file)))
                    seeds[volume.Name] = disk;
            }
        }
        return seeds;
    }

    private async Task<SiteInstance?> FindInstanceAsync(string instance, CancellationToken ct)
    {
        try
        {
            return await site.GetAsync(instance, ct);
        }
        catch (SiteException e) when (e.Fault is SiteFault.InstanceUnknown)
        {
            return null;
        }
        catch (SiteException e)
        {
            throw Recovery.SiteProblem.Of(e);
        }
    }
}
