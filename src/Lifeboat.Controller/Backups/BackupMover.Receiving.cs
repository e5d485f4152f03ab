// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Contracts.Sites;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;
using Lifeboat.Sites;
using Microsoft.Extensions.Logging;

namespace Lifeboat.Controller.Backups;

internal sealed partial class BackupMover
{
    /// <summary>Makes the backups of a point known to the cloud here. One that is known changes nothing.</summary>
    /// <exception cref="ProblemException">StaleEpoch, InvalidRequest; why the cloud did not take one.</exception>
    public async Task ReceiveAsync(string peer, string group, BackupPoint theirs, CancellationToken ct)
    {
        var definition = RequireGroup(group);
        ThrowIfStrange(peer, definition, theirs);
        var one = _importing.GetOrAdd(group, _ => new SemaphoreSlim(1));
        await one.WaitAsync(ct);
        try
        {
            if (points.Find(theirs.Point.Id) is { Phase: BackupPhase.Whole }) return;
            await RequireReadyAsync(definition, ct);
            var point = theirs with { Phase = BackupPhase.Carrying, Pins = [] };
            points.Save(point);
            foreach (var backup in point.Backups) await TakeInAsync(definition, backup, ct);
            points.Save(point with { Phase = BackupPhase.Whole, Reason = ReasonCode.None, Detail = null });
            LogReceived(point.Point.Id, group, point.Backups.Count);
        }
        finally
        {
            one.Release();
        }
    }

    /// <summary>Removes the backups of a point from the cloud here.</summary>
    /// <exception cref="ProblemException">Conflict: somebody holds it.</exception>
    public async Task DropAsync(string peer, string group, Guid point, CancellationToken ct)
    {
        var definition = RequireGroup(group);
        if (definition.PrimarySite != peer)
            throw new ProblemException(ReasonCode.PrimaryMoved,
                $"site {definition.PrimarySite} is primary, not {peer}");
        if (points.Find(point) is not { } found || found.Group != group) return;
        if (found.Pins.Count > 0)
            throw new ProblemException(ReasonCode.Conflict,
                $"point {point} of {group} is pinned at site {here}: {string.Join(", ", found.Pins)}");
        points.Save(found with { Phase = BackupPhase.Leaving });
        await RemoveHereAsync(found, ct);
    }

    /// <summary>New volumes with what a point holds; those of this run that are there are kept.</summary>
    /// <param name="tag">Of the run.</param>
    /// <param name="copies">For a drill: the group goes on without them.</param>
    public async Task<IReadOnlyList<SiteVolume>> RestoreAsync(string group, Guid point, string tag, bool copies,
        Action<double> report, CancellationToken ct)
    {
        var definition = RequireGroup(group);
        var from = Require(group, point);
        var made = new List<SiteVolume>();
        foreach (var backup in from.Backups)
        {
            var request = RequestOf(definition, backup, tag, copies);
            made.Add(await AskAsync(definition.MovedByMirror ? Mirror().CloneAsync(request, ct)
                : Driver().RestoreAsync(request, ct)));
            report((double)made.Count / from.Backups.Count);
        }
        return made;
    }

    private static RestoreRequest RequestOf(GroupDefinition group, VolumeBackup backup, string tag, bool copies)
    {
        var volume = group.Volumes.FirstOrDefault(v => v.Name == backup.Volume);
        var disk = volume is null ? null
            : group.Members.Select(m => m.CloudDiskOf(volume)).FirstOrDefault(d => d is not null);
        if (disk is null)
            throw new ProblemException(ReasonCode.VolumeUnknown, $"{backup.Volume} is not in group {group.Name}");
        var name = copies ? $"lifeboat/{group.Name}/{tag}/{disk.Disk}" : disk.Name ?? disk.Disk;
        return new RestoreRequest(backup, disk, name,
            new RestoredMark(group.Name, backup.Volume, copies ? null : group.Epoch.Value, tag, false));
    }

    public async Task RemoveRestoredAsync(string tag, CancellationToken ct)
    {
        await AskAsync(Driver().RemoveRestoredAsync(tag, ct));
        if (site is IMirrorsVolumes mirror) await AskAsync(mirror.RemoveClonesAsync(tag, ct));
    }

    /// <summary>What a run restored and is still there.</summary>
    public async Task<IReadOnlyList<SiteVolume>> RestoredAsync(string tag, CancellationToken ct) =>
        [.. (await AskAsync(Driver().VolumesAsync(ct))).Where(v => v.Restored?.Tag == tag)];

    private static void ThrowIfStrange(string peer, GroupDefinition group, BackupPoint theirs)
    {
        if (group.PrimarySite != peer || theirs.Point.Epoch < group.Epoch)
            throw new ProblemException(ReasonCode.StaleEpoch, $"group {group.Name} is in epoch {group.Epoch}, site "
                + $"{group.PrimarySite} is primary; {peer} tells of a point of epoch {theirs.Point.Epoch}");
        var faults = new List<string>();
        if (!group.MovedByCloud) faults.Add("the group is moved by an agent");
        if (theirs.Group != group.Name || theirs.Site != peer) faults.Add($"the point is of {theirs.Group}");
        if (theirs.Backups.Count == 0) faults.Add("backups is empty");
        faults.AddRange(theirs.Backups.Where(b => group.Volumes.All(v => v.Name != b.Volume))
            .Select(b => $"{b.Volume} is no volume of the group"));
        if (faults.Count > 0)
            throw new ProblemException(ReasonCode.InvalidRequest, $"a point of group {group.Name} has faults", null,
                faults);
    }

    [LoggerMessage(EventIds.BackupPointReceived, LogLevel.Information,
        "Point {Point} of {Group} is known here: {Count} backups were imported")]
    private partial void LogReceived(Guid point, string group, int count);
}
