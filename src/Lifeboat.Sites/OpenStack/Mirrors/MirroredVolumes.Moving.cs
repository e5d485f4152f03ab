// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Sites;
using Lifeboat.Sites.OpenStack.Backups;
using Lifeboat.Sites.OpenStack.BlockStorage;
using Lifeboat.Sites.OpenStack.Http;
using Microsoft.Extensions.Logging;

namespace Lifeboat.Sites.OpenStack.Mirrors;

internal sealed partial class MirroredVolumes
{
    public Task<CinderVolume> CloneAsync(RestoreRequest request, CancellationToken ct) => AskAsync(async () =>
    {
        var record = RecordOf(request.Backup);
        if (await MineAsync(request.Mark, ct) is { } begun) return await TakeInAsync(ImageOf(begun.Id), request, ct);
        if (await LackNowAsync(record, ct) is { } lack) throw new CloudException(CloudFault.Refused, lack);
        var clone = ClonesOf(request.Mark.Tag) + request.Disk.Disk;
        await pool.CloneAsync(record.Image, record.Snapshot, clone, ct);
        return await TakeInAsync(clone, request, ct);
    });

    /// <summary>Those that are volumes of Cinder already are removed as such.</summary>
    public Task<bool> RemoveClonesAsync(string tag, CancellationToken ct) => AskAsync(async () =>
    {
        foreach (var clone in await pool.ImagesAsync(ClonesOf(tag), ct)) await pool.RemoveAsync(clone, ct);
        return true;
    });

    public Task<IReadOnlyList<CinderVolume>> TakeOverAsync(IReadOnlyList<RestoreRequest> requests, bool lost,
        CancellationToken ct) => AskAsync(async () =>
    {
        // One that is promoted has parted from the other side: all are looked at before the first one is.
        var images = new List<(RestoreRequest Request, RbdImage Image, bool Begun)>();
        var lacks = new List<string>();
        foreach (var request in requests)
        {
            var record = RecordOf(request.Backup);
            var begun = await MineAsync(request.Mark, ct);
            var image = (begun is null ? null : await pool.FindAsync(ImageOf(begun.Id), ct))
                ?? await pool.FindAsync(record.Image, ct);
            if (image is { IsPrimary: true } && image.GlobalId == record.GlobalId)
                images.Add((request, image, begun is not null));
            else if (await LackNowAsync(record, ct) is { } lack) lacks.Add($"{request.Backup.Volume}: {lack}");
            else images.Add((request, image!, false));
        }
        if (lacks.Count > 0) throw new CloudException(CloudFault.Refused, "not all volumes are here whole, so none is "
            + $"taken over: {string.Join("; ", lacks)}");
        foreach (var (_, image, _) in images.Where(i => !i.Image.IsPrimary))
            await pool.PromoteAsync(image.Name, lost, ct);
        foreach (var (request, image, _) in images.Where(i => lost && !i.Begun))
            await BringBackAsync(image.Name, request, ct);
        var taken = new List<CinderVolume>();
        foreach (var (request, image, _) in images) taken.Add(await TakeInAsync(image.Name, request, ct));
        return (IReadOnlyList<CinderVolume>)taken;
    });

    // What came after the point is not on all volumes, or is of several moments. It stays in a snapshot.
    private async Task BringBackAsync(string image, RestoreRequest request, CancellationToken ct)
    {
        var record = RecordOf(request.Backup);
        var newer = await pool.DifferenceAsync(image, record.Snapshot, null, ct);
        if (newer == 0) return;
        var kept = $"{MirroredPool.Ours}kept-{request.Mark.Tag}";
        // Begun before, it holds what there was before the roll-back was begun.
        await pool.SnapshotAsync(image, kept, ct);
        await pool.RollBackAsync(image, record.Snapshot, ct);
        LogBroughtBack(image, record.Snapshot, newer, kept);
    }

    /// <param name="image">By the name that it has before Cinder takes it in, or after.</param>
    private async Task<CinderVolume> TakeInAsync(string image, RestoreRequest request, CancellationToken ct)
    {
        var start = time.GetTimestamp();
        // Cinder forgets a failed one: the image is ours to try again.
        foreach (var failed in (await AllOfAsync(request.Mark, ct)).Where(v => IsFailed(v.Status)))
        {
            await ForgetAsync(failed, ct);
            if (await pool.FindAsync(ImageOf(failed.Id), ct) is { } renamed) image = renamed.Name;
        }
        var made = await MakeOnce.RunAsync(c => AllOfAsync(request.Mark, c), c => Admin().ManageVolumeAsync(
            options.Host, image, new NewManaged(request.Name, VolumeRestores.Described(request.Mark),
                options.VolumeType, request.Disk.Bootable), c), ForgetAsync, time, ct);
        var volume = await AvailableAsync(made.Id, ct);
        if (VolumeRestores.MarkOf(volume) is { Whole: true }) return volume;
        foreach (var (key, value) in VolumeRestores.MarksOf(request.Mark, volume.Id))
            await cloud.Cinder.SetMetadataAsync(volume.Id, key, value, ct);
        LogTakenIn(request.Mark.Volume, volume.Id, image, time.GetElapsedTime(start).TotalSeconds);
        return await cloud.Cinder.FindVolumeAsync(volume.Id, ct) ?? volume;
    }

    private async Task<CinderVolume> AvailableAsync(string id, CancellationToken ct)
    {
        var start = time.GetTimestamp();
        while (true)
        {
            var now = await cloud.Cinder.FindVolumeAsync(id, ct) ?? throw new CloudException(CloudFault.NotFound,
                $"volume {id} is gone while it was waited for");
            if (now.Status == "available" || VolumeRestores.MarkOf(now) is { Whole: true }) return now;
            if (IsFailed(now.Status))
                throw new CloudException(CloudFault.BuildFailed, $"volume {now.Name} ({id}) is in {now.Status}: Cinder "
                    + $"could not take the image in; is options.mirror.host '{options.Host}' right?");
            if (time.GetElapsedTime(start) >= volumeLimit)
                throw new CloudException(CloudFault.TooSlow,
                    $"volume {now.Name} ({id}) is still {now.Status} after {volumeLimit.TotalSeconds:0} s");
            await Task.Delay(Look, time, ct);
        }
    }

    private async Task ForgetAsync(CinderVolume volume, CancellationToken ct)
    {
        var start = time.GetTimestamp();
        await Admin().UnmanageAsync(volume.Id, ct);
        while (await cloud.Cinder.FindVolumeAsync(volume.Id, ct) is { } left)
        {
            if (time.GetElapsedTime(start) >= volumeLimit)
                throw new CloudException(CloudFault.TooSlow, $"volume {left.Name} ({left.Id}) is still {left.Status}: "
                    + "Cinder was to forget it");
            await Task.Delay(Look, time, ct);
        }
    }

    private async Task<CinderVolume?> MineAsync(RestoredMark mark, CancellationToken ct) =>
        (await AllOfAsync(mark, ct)).FirstOrDefault(v => !IsFailed(v.Status));

    private async Task<IReadOnlyList<CinderVolume>> AllOfAsync(RestoredMark mark, CancellationToken ct) =>
    [
        .. (await cloud.Cinder.VolumesAsync(ct)).Where(v => v.Status is not ("deleting" or "unmanaging")
                && VolumeRestores.MarkOf(v) is { } has && has.Tag == mark.Tag && has.Volume == mark.Volume
                && has.Group == mark.Group).OrderBy(v => v.CreatedAt),
    ];

    private CinderClient Admin() => admin is not null ? new CinderClient(admin) : throw new CloudException(
        CloudFault.Refused, "options.backupCloud is not set");

    private static string ClonesOf(string tag) => $"{MirroredPool.Ours}{tag}-";

    private static bool IsFailed(string status) => status.StartsWith("error", StringComparison.Ordinal);

    [LoggerMessage(EventIds.MirrorTakenIn, LogLevel.Information,
        "{Volume} is volume {VolumeId}, of image {Image}, after {Seconds:0.0} s")]
    private partial void LogTakenIn(string volume, string volumeId, string image, double seconds);

    [LoggerMessage(EventIds.MirrorBroughtBack, LogLevel.Warning,
        "Image {Image} is as it was at {Snapshot}; {Bytes} bytes that came later are in its snapshot {Kept}")]
    private partial void LogBroughtBack(string image, string snapshot, long bytes, string kept);
}
