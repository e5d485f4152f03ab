// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Contracts.Sites;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;
using Lifeboat.Protection.RecoveryPoints;
using Lifeboat.Sites;

namespace Lifeboat.Controller.Backups;

// Of groups whose storage mirrors them. A point is a snapshot of ours in every image: only those are made while servers
// are held. The mirror's own snapshots carry them to the other side, one image after the other and later.
//
//   COPYING: the mirror is told to carry each image ─► CARRYING: the other site looks until it has all of them whole
internal sealed partial class BackupMover
{
    /// <summary>Begins to mirror the group's volumes from here, or goes on.</summary>
    // Also after a planned move that was taken back: nobody demotes them any more, and they are primary again.
    public async Task BeginMirrorAsync(GroupDefinition group, CancellationToken ct)
    {
        foreach (var last in points.Of(group.Name).Where(p => p.Site == here && IsUnderWay(p)
            && p.Point.Consistency is Consistency.CleanShutdown))
        {
            points.Save(last with
            {
                Phase = BackupPhase.Failed, Reason = ReasonCode.RunFailed, Detail = "the move was taken back",
            });
        }
        var volumes = await VolumesAsync(group, ct);
        await AskAsync(Mirror().MirrorAsync([.. volumes.Values.Select(v => v.Id)], group.Epoch.Value, ct));
    }

    /// <summary>What the group has of volumes here is mirrored no more, and stays as it is (I5).</summary>
    public async Task LetGoAsync(GroupDefinition group, CancellationToken ct) =>
        await AskAsync(Mirror().LetGoAsync([.. (await HomesAsync(group, ct)).Select(v => v.Id)], ct));

    /// <summary>Why some of these volumes cannot be mirrored, by id.</summary>
    public Task<IReadOnlyDictionary<string, string>> MirrorFaultsAsync(IReadOnlyCollection<string> ids,
        CancellationToken ct) => AskAsync(Mirror().MirrorFaultsAsync(ids, ct));

    /// <summary>The mirrored images are the group's volumes here from now on, as they were at the point.</summary>
    /// <param name="lost">Nobody demoted them at the other site, which is presumed lost.</param>
    public Task<IReadOnlyList<SiteVolume>> TakeOverAsync(string group, Guid point, string tag, bool lost,
        CancellationToken ct)
    {
        var definition = RequireGroup(group);
        Invariant.Holds(definition.PrimarySite == here, "who takes over is primary before it promotes");
        return AskAsync(Mirror().TakeOverAsync(
            [.. Require(group, point).Backups.Select(b => RequestOf(definition, b, tag, copies: false))], lost, ct));
    }

    private async Task<IReadOnlyDictionary<string, string>> SnapshotAsync(GroupDefinition group, BackupPoint point,
        IReadOnlyDictionary<string, string> volumes, CancellationToken ct)
    {
        if (!group.MovedByMirror) return await AskAsync(Driver().SnapshotAsync(PrefixOf(point), volumes, ct));
        var name = SnapshotOf(point.Point.Id);
        await AskAsync(Mirror().SnapshotImagesAsync(name, volumes, ct));
        return volumes.ToDictionary(v => v.Key, _ => name, StringComparer.Ordinal);
    }

    private Task<VolumeBackup> CarryAsync(BackupPoint point, string name, string volumeId, string snapshot,
        CancellationToken ct)
    {
        var before = points.Of(point.Group).LastOrDefault(p => p.Site == here && p.Phase is BackupPhase.Whole
            && p.Point.Epoch == point.Point.Epoch);
        return AskAsync(Mirror().CarryAsync(new BackUpRequest(PrefixOf(point) + name, name, volumeId, snapshot,
            before is null ? null : SnapshotOf(before.Point.Id)),
            last: point.Point.Consistency is Consistency.CleanShutdown, ct));
    }

    private async Task TakeInAsync(GroupDefinition group, VolumeBackup backup, CancellationToken ct)
    {
        if (!group.MovedByMirror) await AskAsync(Driver().ImportAsync(backup, ct));
        // It may take hours, the first time: who asked asks again.
        else if (await AskAsync(Mirror().LackAsync(backup, ct)) is { } lack)
            throw new ProblemException(ReasonCode.CloudUnavailable, $"site {here}: {lack}");
    }

    private async Task RemoveStoredAsync(BackupPoint point, CancellationToken ct)
    {
        if (!IsMirrored(point))
            await AskAsync(Driver().RemoveBackupsAsync(PrefixOf(point), [.. point.Backups.Select(b => b.Id)], ct));
        // A copy has what its primary has, and what that removes goes with the next point.
        else if (groups.Find(point.Group)?.Definition is { } group && group.PrimarySite == here)
            await AskAsync(Mirror().RemoveImageSnapshotsAsync(SnapshotOf(point.Point.Id),
                [.. (await HomesAsync(group, ct)).Select(v => v.Id)], ct));
    }

    // A volume that is gone holds up nothing.
    private async Task<IReadOnlyList<SiteVolume>> HomesAsync(GroupDefinition group, CancellationToken ct)
    {
        var all = await AskAsync(Driver().VolumesAsync(ct));
        return [.. group.Volumes.Select(v => HomeOf(group, v, all)).OfType<SiteVolume>()];
    }

    private bool IsMirrored(BackupPoint point) =>
        groups.Find(point.Group)?.Definition is { MovedByMirror: true };

    // After a move what is left of the other direction is nobody's mirror any more.
    private bool IsHere(BackupPoint point) => groups.Find(point.Group)?.Definition is not { MovedByMirror: true } group
        || group.RecoverySite != here || point.Point.Epoch == group.Epoch;

    private IMirrorsVolumes Mirror() => site as IMirrorsVolumes ?? throw new ProblemException(ReasonCode.NotAllowed,
        $"the driver of site {here} knows no storage that mirrors volumes", "Such groups are of clouds.");

    private static string SnapshotOf(Guid point) => $"lifeboat-{point:n}";
}
