// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Contracts.Agents;
using Lifeboat.Contracts.Api;
using Lifeboat.Contracts.Sites;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;
using Lifeboat.Protection.RecoveryPoints;

namespace Lifeboat.Controller.Sides;

// What a site that may have gone its own way says of itself, and keeps of itself.
internal sealed partial class LocalSide
{
    // Kept first, and durably: only then is what is left of an earlier replica dropped and another one begun.
    public async Task<RecoveryPoint> AcceptKeepingAsync(string group, string pin, CancellationToken ct)
    {
        using var alone = await locks.EnterAsync(group, ct);
        var definition = RequireRecoverySite(group);
        var kept = await KeepAsync(definition, pin, ct);
        await AcceptAsync(definition, seeded: true, held: true, ct);
        return kept;
    }

    public async Task<ViewInfo> OpenKeptAsync(string group, string pin, CancellationToken ct)
    {
        var kept = (await KeptAsync(group, ct)).FirstOrDefault(k => k.Name == pin)
            ?? throw new ProblemException(ReasonCode.PointUnknown,
                $"no state of {name} itself is kept of group {group} as {pin}");
        return await agent.OpenViewAsync(group, new ViewRequest(pin, kept.Point.Id, null, Writable: true), ct);
    }

    /// <summary>States of the group that gave way here and are kept.</summary>
    public Task<IReadOnlyList<KeptInfo>> KeptAsync(string group, CancellationToken ct) => agent.KeptAsync(group, ct);

    // Once it is kept it is not looked at again: since then the disks are nobody's.
    private async Task<RecoveryPoint> KeepAsync(GroupDefinition group, string pin, CancellationToken ct)
    {
        if ((await KeptAsync(group.Name, ct)).FirstOrDefault(k => k.Name == pin) is { } known) return known.Point;
        var held = Held(group).ToList();
        var disks = await DisksAsync(held, ct);
        if (held.FirstOrDefault(v => !disks.ContainsKey(v.Name)) is { } bare)
        {
            throw new ProblemException(ReasonCode.WrongState,
                $"{bare.Name} at {name} is no image that this host can read",
                "Its state cannot be kept as a point, so no replica was made; the disk is left as it is. "
                + "Copy it, then reprotect.");
        }
        var epoch = group.Fork?.EpochOf(name) ?? group.Epoch;
        var kept = await agent.KeepAsync(new ReplicaSpec
        {
            Group = group.Name,
            PrimarySite = group.PrimarySite,
            Epoch = group.Epoch,
            Retention = group.Policy.Retention,
            Keep = new KeptSeed(pin, $"{pin}: state of {name} in epoch {epoch}", epoch, time.GetUtcNow()),
            // As long as they are: what the group knows of their size may be older.
            Volumes = [.. held.Select((v, i) => new ReplicaVolume((ushort)i, v.Name, disks[v.Name].SizeBytes,
                disks[v.Name].File, null, disks[v.Name].Format))],
        }, ct);
        return kept.Point;
    }

    public async Task<bool> RunsAsync(string group, CancellationToken ct)
    {
        foreach (var member in Require(group).Members.Where(m => m.Kind is MemberKind.Replicated))
            if (await FindInstanceAsync(member.Instance, ct) is not { Power: InstancePower.Running }) return false;
        return true;
    }

    /// <summary>What this site's disks hold that the fork point does not, as far as it can be told.</summary>
    public async Task<SideChanges> ChangesAsync(string group, CancellationToken ct)
    {
        var definition = Require(group);
        var fork = definition.Fork
            ?? throw new ProblemException(ReasonCode.WrongState, $"group {group} has no fork: its history is one");
        var disks = await DisksAsync(Held(definition), ct);
        var left = fork.LeftSite == name;
        // A state that was kept is the other side's alone: after a failover to it nothing is common.
        var (from, report) = fork.Sequence == 0 ? (ChangesFrom.Nowhere, new ChangeReport(true, 1, [],
                "the failover began from a kept state: the sides have no point in common"))
            : left ? (ChangesFrom.ChangeMap, await MapsAsync(definition, ct))
            : (ChangesFrom.Comparison, await ComparedAsync(definition, fork, disks, ct));
        var known = report.Problem is null && report.Volumes.Count > 0 && report.Volumes.All(v => v.Known);
        return new SideChanges(name, fork.EpochOf(name), left ? "primary" : "recovery", await RunsAsync(group, ct),
            LastWritten(disks), known ? from : ChangesFrom.Nowhere,
            known ? report.Volumes.Sum(v => v.Bytes) : null, known ? report.Volumes.Sum(v => v.Extents) : null,
            report.Done, report.Progress, report.Volumes,
            report.Problem ?? report.Volumes.FirstOrDefault(v => !v.Known)?.Detail);
    }

    /// <summary>Newest write to a disk of the group here, by this host's clock; null: it has no files here.</summary>
    public async Task<DateTimeOffset?> LastWrittenAsync(GroupDefinition group, CancellationToken ct) =>
        LastWritten(await DisksAsync(Held(group), ct));

    private async Task<ChangeReport> MapsAsync(GroupDefinition group, CancellationToken ct)
    {
        try
        {
            var instances = await InstancesAsync(group, ct);
            SourceVolume[] volumes = [.. Held(group).Select(v => Volume(v, instances[v.Instance]))];
            return await agents.Of(HostOf(group, instances)).ChangesAsync(new ChangeMapRequest(volumes), ct);
        }
        catch (ProblemException e)
        {
            return new ChangeReport(true, 1, [], e.Message);
        }
    }

    private async Task<ChangeReport> ComparedAsync(GroupDefinition group, GroupFork fork,
        IReadOnlyDictionary<string, SiteDisk> disks, CancellationToken ct)
    {
        var bare = group.Volumes.FirstOrDefault(v => disks.GetValueOrDefault(v.Name)
            is not { Format: "raw", File: { } file } || !DiskImage.IsFile(file));
        if (bare is not null)
            return new ChangeReport(true, 1, [], $"{bare.Name} is no raw file of this host: it cannot be compared");
        try
        {
            return await agent.CompareAsync(group.Name, new CompareRequest(fork.Sequence,
                [.. group.Volumes.Select(v => new ComparedFile(v.Index, v.Name, disks[v.Name].File!))]), ct);
        }
        catch (ProblemException e)
        {
            return new ChangeReport(true, 1, [], e.Message);
        }
    }

    private static DateTimeOffset? LastWritten(IReadOnlyDictionary<string, SiteDisk> disks)
    {
        var files = disks.Values.Select(d => d.File!).Where(DiskImage.IsFile).ToList();
        if (files.Count == 0) return null;
        return files.Max(f => new DateTimeOffset(File.GetLastWriteTimeUtc(f), TimeSpan.Zero));
    }
}
