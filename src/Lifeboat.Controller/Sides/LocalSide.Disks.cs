// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Contracts.Agents;
using Lifeboat.Contracts.Sites;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;
using Lifeboat.Protection.Instances;
using Lifeboat.Sites;
using Microsoft.Extensions.Logging;

namespace Lifeboat.Controller.Sides;

// Volumes that a group is given while it is replicated, and those that it leaves behind.
internal sealed partial class LocalSide
{
    /// <summary>The group is replicated from here now, and not suspended: its stream takes in another volume.</summary>
    public bool Replicates(GroupDefinition group) => group.PrimarySite == name
        && specs.Source(group.Name) is { Active: true }
        && group.Suspension?.Holds(time.GetUtcNow()) != true;

    /// <summary>A disk of an instance here, in the site's record from now on.</summary>
    /// <exception cref="ProblemException">VolumeUnknown with those it has; WrongState: it is not up.</exception>
    public async Task<InstanceDisk> TakeInDiskAsync(string instance, string disk, CancellationToken ct)
    {
        var found = await AskSiteAsync(site.GetAsync(instance, ct));
        if (found.Power is not (InstancePower.Running or InstancePower.Paused))
            throw new ProblemException(ReasonCode.WrongState,
                $"{instance} is {found.Power}; a disk is captured only while its instance runs");
        if (Described(found, disk) is { } known) return known;
        var sees = site as ISeesPluggedDisks;
        var others = sees is null ? [] : await AskSiteAsync(sees.PluggedAsync(instance, ct));
        if (others.FirstOrDefault(d => d.Disk.Name == disk) is not { } there)
        {
            var names = found.Disks.Select(d => d.Name).Concat(others.Select(d => d.Disk.Name));
            throw new ProblemException(ReasonCode.VolumeUnknown, $"{instance} has no disk {disk}",
                $"It has {string.Join(", ", names)}.");
        }
        if (there.Problem is { } problem)
            throw new ProblemException(ReasonCode.NotAllowed, $"{instance}.{disk} {problem}");
        return Described(await AskSiteAsync(sees!.TakeInAsync(instance, disk, ct)), disk)!;
    }

    // As long as it is now: it may have grown since the site took it in.
    private static InstanceDisk? Described(SiteInstance instance, string disk) =>
        instance.Disks.FirstOrDefault(d => d.Name == disk) is { } now
            ? instance.Description.Disks.First(d => d.Name == disk) with { SizeBytes = now.SizeBytes } : null;

    // Its replica is opened anew for it, which instances that run from a view of it would not survive.
    private async Task MakeRoomAsync(GroupDefinition group, CancellationToken ct)
    {
        if (group.MovedByCloud || group.RecoverySite != name
            || specs.Replica(group.Name) is not { Active: true } replica
            || replica.Spec.PrimarySite != group.PrimarySite) return;
        var known = replica.Spec.Volumes.Select(v => v.Index).ToHashSet();
        ReplicaVolume[] added =
        [
            .. group.Volumes.Where(v => !known.Contains(v.Index))
                .Select(v => new ReplicaVolume(v.Index, v.Name, v.SizeBytes, null, TargetOf(group, v))),
        ];
        if (added.Length == 0) return;
        if ((await agent.ReplicaAsync(group.Name, ct)).Views is { Count: > 0 } views)
        {
            throw new ProblemException(ReasonCode.Conflict,
                $"{added[0].Name} cannot enter group {group.Name}: points of it are open at site {name}",
                $"Open: {string.Join(", ", views)}. Wait for the drill's end, or close them with "
                + "`lifeboat point close`.");
        }
        var spec = replica.Spec with { Volumes = [.. replica.Spec.Volumes, .. added] };
        await agent.PutReplicaAsync(spec, ct);
        specs.SaveReplica(replica with { Spec = spec });
        foreach (var volume in added) LogVolumeAdded(volume.Name, group.Name, volume.SizeBytes);
    }

    /// <summary>The volumes that this site has disks of, those that the group gave up at its fork too.</summary>
    private IEnumerable<GroupVolume> Held(GroupDefinition group) => group.Volumes.Concat(
        group.Former.Where(f => f.Site == name && f.GivenUp == group.Fork?.Began).Select(f => f.Volume));

    // Where they are is known only as long as the site's record is of that stint.
    private async Task TellLeftAsync(GroupDefinition group, CancellationToken ct)
    {
        var left = group.Former.Where(f => f.Site == name).Select(f => f.Volume).ToList();
        foreach (var (volume, disk) in await DisksAsync(left, ct))
            if (group.Volumes.All(v => v.Name != volume)) LogVolumeLeft(group.Name, volume, disk.File!);
    }

    [LoggerMessage(EventIds.VolumeAdded, LogLevel.Information,
        "The replica of {Group} has room for {Volume} ({SizeBytes} bytes)")]
    private partial void LogVolumeAdded(string volume, string group, long sizeBytes);

    [LoggerMessage(EventIds.VolumeLeft, LogLevel.Warning,
        "Group {Group} goes on without {Volume}, which the point of the failover was older than: its state is left "
        + "in {File}")]
    private partial void LogVolumeLeft(string group, string volume, string file);
}
