// SPDX-License-Identifier: Apache-2.0
using System.Globalization;
using Lifeboat.Contracts.Sites;
using Lifeboat.Protection.Instances;
using Lifeboat.Sites.OpenStack.BlockStorage;
using Lifeboat.Sites.OpenStack.Describing;
using Lifeboat.Sites.OpenStack.Http;
using Lifeboat.Sites.OpenStack.Mapping;
using Microsoft.Extensions.Logging;

namespace Lifeboat.Sites.OpenStack.Backups;

/// <summary>
/// New volumes with what backups hold. Until one is whole its description says whose it is and which run made it, so it
/// is made once and removed with the run; then its metadata does.
/// </summary>
/// <remarks>
/// A restore brings the metadata of the volume that was backed up along, over that of the new one: marks of ours too,
/// where that volume was a restored one itself. So a mark counts only with the volume's own id in it.
/// </remarks>
// made, described -> available -> restoring-backup -> available -> bootable -> marked with its id: whole
internal sealed partial class VolumeRestores(CloudClients cloud, RecoveryMap map, BackupLimits limits,
    TimeProvider time, ILogger<VolumeRestores> logger)
{
    private const string GroupKey = "lifeboat-group";
    private const string VolumeKey = "lifeboat-group-volume";
    private const string EpochKey = "lifeboat-group-epoch";
    private const string TagKey = "lifeboat-restored-by";
    private const string WholeKey = "lifeboat-restored";
    private const string Begun = "Restored by Lifeboat: ";
    private static readonly TimeSpan Look = TimeSpan.FromSeconds(1);

    public static RestoredMark? MarkOf(CinderVolume volume)
    {
        if (volume.Metadata is { } marks && marks.GetValueOrDefault(WholeKey) == volume.Id)
            return new RestoredMark(marks.GetValueOrDefault(GroupKey) ?? "", marks.GetValueOrDefault(VolumeKey) ?? "",
                EpochOf(marks.GetValueOrDefault(EpochKey)), marks.GetValueOrDefault(TagKey) ?? "", Whole: true);
        return volume.Description?.StartsWith(Begun, StringComparison.Ordinal) is true
            && volume.Description[Begun.Length..].Split(' ') is [var tag, var group, var name, var epoch]
            ? new RestoredMark(group, name, EpochOf(epoch), tag, Whole: false) : null;
    }

    internal static string Described(RestoredMark mark) => Begun + string.Join(' ', mark.Tag, mark.Group, mark.Volume,
        Text(mark.Epoch));

    // A copy for a drill is of no epoch; the text is there all the same, over what the restore brought along.
    private static string Text(long? epoch) => epoch?.ToString(CultureInfo.InvariantCulture) ?? "none";

    private static long? EpochOf(string? text) =>
        long.TryParse(text, CultureInfo.InvariantCulture, out var epoch) ? epoch : null;

    public async Task<SiteFit> FitAsync(IReadOnlyList<CloudDisk> volumes, CancellationToken ct)
    {
        var project = await cloud.InventoryAsync(ct);
        var needs = new Needs();
        var gaps = new List<(string, string)>();
        foreach (var volume in volumes)
        {
            needs.Who = volume.Disk;
            var (type, gap) = TypeOf(volume, project.VolumeTypes, project.DefaultType);
            if (gap is not null) gaps.Add((volume.Disk, gap));
            needs.Volume(volume.SizeGiB, type);
        }
        return new SiteFit([.. SiteFit.Said(gaps), .. needs.Gaps(project)], []);
    }

    /// <exception cref="CloudException">BuildFailed, QuotaExceeded…</exception>
    public async Task<CinderVolume> RestoreAsync(RestoreRequest request, CancellationToken ct)
    {
        var (type, gap) = TypeOf(request.Disk, await cloud.Cinder.VolumeTypesAsync(ct),
            await cloud.Cinder.FindDefaultTypeAsync(ct));
        if (gap is not null) throw new CloudException(CloudFault.Refused, $"{request.Disk.Disk}: {gap}");
        // A failed one is of no use, and holds quota.
        foreach (var failed in (await OfAsync(request.Mark, ct)).Where(v => IsFailed(v.Status)))
            await RemoveAsync(failed, ct);
        var start = time.GetTimestamp();
        var made = await MakeOnce.RunAsync(c => OfAsync(request.Mark, c), c => cloud.Cinder.CreateVolumeAsync(
            new NewVolume(request.Name, request.Backup.SizeGiB, type,
                Description: Described(request.Mark)), c), RemoveAsync, time, ct);
        var volume = await AvailableAsync(made.Id, limits.Thing, ct);
        if (MarkOf(volume) is { Whole: true }) return volume;
        await FillAsync(volume, request.Backup, ct);
        if (request.Disk.Bootable && volume.Bootable != "true") await cloud.Cinder.SetBootableAsync(volume.Id, ct);
        foreach (var (key, value) in MarksOf(request.Mark, volume.Id))
            await cloud.Cinder.SetMetadataAsync(volume.Id, key, value, ct);
        LogRestored(request.Mark.Volume, volume.Id, request.Backup.Id, time.GetElapsedTime(start).TotalSeconds);
        return await cloud.Cinder.FindVolumeAsync(volume.Id, ct) ?? volume;
    }

    public async Task RemoveAsync(string tag, CancellationToken ct)
    {
        foreach (var volume in (await cloud.Cinder.VolumesAsync(ct)).Where(v => MarkOf(v)?.Tag == tag))
            await RemoveAsync(volume, ct);
    }

    // Cut short it is begun again over itself: one backup gives one content.
    private async Task FillAsync(CinderVolume volume, VolumeBackup backup, CancellationToken ct)
    {
        // Two volumes are not restored from one backup at a time: a drill may be at it.
        await RestorableAsync(backup.Id, ct);
        await cloud.Cinder.RestoreBackupAsync(backup.Id, volume.Id, ct);
        await AvailableAsync(volume.Id, limits.Backup, ct);
    }

    private async Task RestorableAsync(string backup, CancellationToken ct)
    {
        var start = time.GetTimestamp();
        while (true)
        {
            var now = await cloud.Cinder.FindBackupAsync(backup, ct) ?? throw new CloudException(CloudFault.Refused,
                $"backup {backup} is not known to this cloud: it was removed, or its record was not imported");
            if (now.Status == "available") return;
            if (now.Status != "restoring") throw new CloudException(CloudFault.BuildFailed,
                $"backup {now.Name} ({backup}) is in {now.Status}: {now.FailReason ?? "Cinder says no more"}");
            if (time.GetElapsedTime(start) >= limits.Backup)
                throw new CloudException(CloudFault.TooSlow,
                    $"backup {backup} is still {now.Status} after {limits.Backup.TotalSeconds:0} s");
            await Task.Delay(Look, time, ct);
        }
    }

    private async Task<CinderVolume> AvailableAsync(string id, TimeSpan limit, CancellationToken ct)
    {
        var start = time.GetTimestamp();
        while (true)
        {
            var now = await cloud.Cinder.FindVolumeAsync(id, ct) ?? throw new CloudException(CloudFault.NotFound,
                $"volume {id} is gone while it was waited for");
            // A whole one may be in somebody's server already.
            if (now.Status == "available" || MarkOf(now) is { Whole: true }) return now;
            if (IsFailed(now.Status))
                throw new CloudException(CloudFault.BuildFailed, $"volume {now.Name} ({now.Id}) of type "
                    + $"'{now.VolumeType}' is in {now.Status}: Cinder could not restore it");
            // An attempt before this one may still be filling it.
            var patience = now.Status == "restoring-backup" ? limits.Backup : limit;
            if (time.GetElapsedTime(start) >= patience)
                throw new CloudException(CloudFault.TooSlow,
                    $"volume {now.Name} ({now.Id}) is still {now.Status} after {patience.TotalSeconds:0} s");
            await Task.Delay(Look, time, ct);
        }
    }

    private async Task RemoveAsync(CinderVolume volume, CancellationToken ct)
    {
        var start = time.GetTimestamp();
        var asked = false;
        while (await cloud.Cinder.FindVolumeAsync(volume.Id, ct) is { } left)
        {
            if (asked && left.Status == "error_deleting")
                throw new CloudException(CloudFault.ServiceFailed,
                    $"volume {left.Name} ({left.Id}) could not be removed: Cinder says {left.Status}");
            if (!asked && left.Status == "in-use")
                throw new CloudException(CloudFault.Conflict,
                    $"volume {left.Name} ({left.Id}) is in a server: take it out first");
            if (!asked && (left.Status == "available" || IsFailed(left.Status)))
            {
                await cloud.Cinder.DeleteVolumeAsync(left.Id, ct);
                asked = true;
            }
            var patience = left.Status == "restoring-backup" ? limits.Backup : limits.Thing;
            if (time.GetElapsedTime(start) >= patience)
                throw new CloudException(CloudFault.TooSlow, $"volume {left.Name} ({left.Id}) is still {left.Status} "
                    + $"{patience.TotalSeconds:0} s after its removal");
            await Task.Delay(Look, time, ct);
        }
    }

    private async Task<IReadOnlyList<CinderVolume>> OfAsync(RestoredMark mark, CancellationToken ct) =>
    [
        .. (await cloud.Cinder.VolumesAsync(ct)).Where(v => v.Status != "deleting"
                && MarkOf(v) is { } has && has.Tag == mark.Tag && has.Volume == mark.Volume && has.Group == mark.Group)
            .OrderBy(v => v.CreatedAt),
    ];

    // The one that counts is written last.
    internal static IEnumerable<(string Key, string Value)> MarksOf(RestoredMark mark, string id) =>
    [
        (GroupKey, mark.Group), (VolumeKey, mark.Volume), (EpochKey, Text(mark.Epoch)), (TagKey, mark.Tag),
        (WholeKey, id),
    ];

    private (string? Type, string? Gap) TypeOf(CloudDisk disk, IReadOnlyList<CinderVolumeType> types,
        CinderVolumeType? usual)
    {
        if (disk.Type is not { } from) return (usual?.Name, null);
        var wanted = map.VolumeTypes.GetValueOrDefault(from, from);
        if (types.FirstOrDefault(t => t.Name == wanted || t.Id == wanted) is { } type) return (type.Name, null);
        return (null, $"volume type '{wanted}' is unknown here; there are "
            + $"{string.Join(", ", types.Select(t => $"'{t.Name}'"))} (options.map.volumeTypes says which one)");
    }

    private static bool IsFailed(string status) => status.StartsWith("error", StringComparison.Ordinal);

    [LoggerMessage(EventIds.VolumeRestored, LogLevel.Information,
        "{Volume} is in volume {VolumeId} from backup {Backup} after {Seconds:0.0} s")]
    private partial void LogRestored(string volume, string volumeId, string backup, double seconds);
}
