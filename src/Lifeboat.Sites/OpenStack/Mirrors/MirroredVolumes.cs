// SPDX-License-Identifier: Apache-2.0
using System.Text.Json;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Sites;
using Lifeboat.Qemu.Ceph;
using Lifeboat.Sites.OpenStack.Backups;
using Lifeboat.Sites.OpenStack.Describing;
using Lifeboat.Sites.OpenStack.Http;
using Microsoft.Extensions.Logging;

namespace Lifeboat.Sites.OpenStack.Mirrors;

/// <summary>
/// Volumes of Cinder whose images rbd-mirror carries to another cluster. Points are snapshots of ours in the images:
/// the mirror carries them along, so that the copy has them too, and each is found by its name at both sides.
/// </summary>
// primary:  volume-A ── ours ── mirror's (carries ours) ──►  copy volume-A: ours, mirror's: complete   recovery
//                                                            drill: clone of ours -> Cinder: volume-C
//                                                            move:  promoted, rolled back to ours -> Cinder: volume-B
internal sealed partial class MirroredVolumes(CloudClients cloud, CloudSession? admin, MirrorOptions options,
    MirroredPool pool, TimeSpan volumeLimit, TimeProvider time, ILogger<MirroredVolumes> logger)
{
    private const string Service = "rbd-mirror";
    private static readonly TimeSpan Look = TimeSpan.FromSeconds(1);

    /// <param name="login">As `clouds.yaml` calls the administrator.</param>
    public async Task<IReadOnlyList<string>> GapsAsync(string? login, CancellationToken ct)
    {
        if (admin is null)
            return ["options.backupCloud is not set: images are taken into Cinder by administrators only; name a login "
                + "of clouds.yaml with that role in this project"];
        var (mine, theirs) = (await cloud.ProjectAsync(ct), (await admin.TokenAsync(ct)).ProjectId);
        return mine == theirs ? await AskAsync(() => pool.GapsAsync(ct))
            : [$"options.backupCloud '{login}' is of project {theirs}, this site is project {mine}: a volume that is "
                + "taken in belongs to the project of who takes it in"];
    }

    public Task<IReadOnlyDictionary<string, string>> FaultsAsync(IReadOnlyCollection<string> ids,
        CancellationToken ct) => AskAsync(async () =>
    {
        var volumes = (await cloud.Cinder.VolumesAsync(ct)).Where(v => ids.Contains(v.Id));
        var faults = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var volume in volumes)
        {
            if (volume.VolumeType != options.VolumeType)
                faults[volume.Id] = $"is of type '{volume.VolumeType}'; those of type '{options.VolumeType}' are in "
                    + "the mirrored pool";
            else if (await pool.FindAsync(ImageOf(volume.Id), ct) is not { } image)
                faults[volume.Id] = $"has no image {ImageOf(volume.Id)} in pool '{pool.Pool}'";
            else if (image.GlobalId is not null)
                faults[volume.Id] = "is mirrored already, by somebody else: `rbd mirror image disable` ends that";
            else if (image.Parent is { } parent)
                faults[volume.Id] = $"is a clone of {parent}, which is not mirrored: `rbd flatten {pool.Pool}/"
                    + $"{image.Name}` makes it stand alone";
        }
        return (IReadOnlyDictionary<string, string>)faults;
    });

    public Task<bool> MirrorAsync(IReadOnlyCollection<string> ids, long epoch, CancellationToken ct) =>
        AskAsync(async () =>
        {
            foreach (var id in ids) await pool.MirrorAsync(await RequireAsync(id, ct), $"{epoch}", ct);
            return true;
        });

    public Task<bool> SnapshotAsync(string snapshot, IEnumerable<string> ids, CancellationToken ct) =>
        AskAsync(async () =>
        {
            await Task.WhenAll(ids.Select(id => pool.SnapshotAsync(ImageOf(id), snapshot, ct)));
            return true;
        });

    public Task<bool> RemoveSnapshotsAsync(string snapshot, IEnumerable<string> ids, CancellationToken ct) =>
        AskAsync(async () =>
        {
            foreach (var id in ids) await pool.RemoveSnapshotAsync(ImageOf(id), snapshot, ct);
            return true;
        });

    // A snapshot of ours is carried by the first of the mirror's that is younger.
    private async Task<RbdSnapshot?> CarriedAsync(string image, string snapshot, bool last, CancellationToken ct)
    {
        var all = await pool.SnapshotsAsync(image, ct);
        var ours = all.FirstOrDefault(s => s.IsUser && s.Name == snapshot) ?? throw new CloudException(
            CloudFault.NotFound, $"image {image} has no snapshot {snapshot} any more: somebody removed it");
        return all.LastOrDefault(s => s.Id > ours.Id && s.State == (last ? "demoted" : "primary"));
    }

    public Task<VolumeBackup> CarryAsync(BackUpRequest request, bool last, CancellationToken ct) => AskAsync(async () =>
    {
        var image = await RequireAsync(request.VolumeId, ct);
        if (image.GlobalId is not { } global)
            throw new CloudException(CloudFault.Refused, $"image {image.Name} is not mirrored any more: somebody "
                + "ended that; a reprotect, or another group, begins it again");
        var carried = await CarriedAsync(image.Name, request.SnapshotId, last, ct);
        if (carried is null)
        {
            if (last) await pool.DemoteAsync(image.Name, ct);
            else await pool.MirrorSnapshotAsync(image.Name, ct);
            carried = await CarriedAsync(image.Name, request.SnapshotId, last, ct)
                ?? throw new CloudException(CloudFault.Strange, $"image {image.Name} has no mirror snapshot after it "
                    + "was asked for");
        }
        var record = new MirrorRecord(image.Name, global, request.SnapshotId, carried.Id, last);
        return new VolumeBackup(request.Volume, request.VolumeId, $"{global}@{request.SnapshotId}", null,
            (int)((image.SizeBytes + (1L << 30) - 1) >> 30), Service,
            JsonSerializer.Serialize(record, ContractJson.Options),
            await ChangedAsync(image.Name, request, ct));
    });

    // Not worth a point: who asks is only told less.
    private async Task<long?> ChangedAsync(string image, BackUpRequest request, CancellationToken ct)
    {
        if (request.Parent is not { } before) return null;
        try
        {
            return await pool.DifferenceAsync(image, before, request.SnapshotId, ct);
        }
        catch (CephException e) when (e.Fault is CephFault.NotFound)
        {
            return null;
        }
    }

    /// <summary>Waits a while; what has not come by then has its reasons.</summary>
    public Task<string?> LackAsync(VolumeBackup carried, CancellationToken ct) => AskAsync(async () =>
    {
        var start = time.GetTimestamp();
        while (true)
        {
            var lack = await LackNowAsync(RecordOf(carried), ct);
            if (lack is null || time.GetElapsedTime(start) >= options.ArrivalLimit) return lack;
            await Task.Delay(Look, time, ct);
        }
    });

    private async Task<string?> LackNowAsync(MirrorRecord record, CancellationToken ct)
    {
        if (await pool.FindAsync(record.Image, ct) is not { } image || image.GlobalId != record.GlobalId)
            return $"pool '{pool.Pool}' has no copy of image {record.Image} yet: does rbd-mirror run here?";
        var all = await pool.SnapshotsAsync(image.Name, ct);
        if (!all.Any(s => s.IsUser && s.Name == record.Snapshot))
            return $"the copy of image {record.Image} has no snapshot {record.Snapshot} yet";
        return all.Any(s => s.IsComplete && s.PrimaryId >= record.MirrorSnapshot
            && (!record.Last || s.State == "demoted")) ? null
            : $"the copy of image {record.Image} is not whole yet at snapshot {record.Snapshot}";
    }

    public Task<bool> LetGoAsync(IEnumerable<string> ids, CancellationToken ct) => AskAsync(async () =>
    {
        foreach (var id in ids)
        {
            if (await pool.FindAsync(ImageOf(id), ct) is not { } image) continue;
            if (image.GlobalId is not null) await pool.DisableAsync(image, ct);
            foreach (var snapshot in (await pool.SnapshotsAsync(image.Name, ct)).Where(IsOurs))
                await pool.RemoveSnapshotAsync(image.Name, snapshot.Name, ct);
            LogLetGo(image.Name);
        }
        return true;
    });

    private async Task<RbdImage> RequireAsync(string id, CancellationToken ct) =>
        await pool.FindAsync(ImageOf(id), ct) ?? throw new CloudException(CloudFault.NotFound,
            $"pool '{pool.Pool}' has no image {ImageOf(id)}");

    private static bool IsOurs(RbdSnapshot snapshot) =>
        snapshot.IsUser && snapshot.Name.StartsWith(MirroredPool.Ours, StringComparison.Ordinal);

    private static string ImageOf(string volume) => $"volume-{volume}";

    private static MirrorRecord RecordOf(VolumeBackup carried)
    {
        try
        {
            if (carried.Service == Service
                && JsonSerializer.Deserialize<MirrorRecord>(carried.Record, ContractJson.Options) is { } record)
                return record;
        }
        catch (JsonException e)
        {
            throw new CloudException(CloudFault.Strange, $"the record of a point of {carried.Volume} cannot be read: "
                + e.Message, e);
        }
        throw new CloudException(CloudFault.Strange, $"a point of {carried.Volume} is of {carried.Service}, not of "
            + Service);
    }

    private static async Task<T> AskAsync<T>(Func<Task<T>> ask)
    {
        try
        {
            return await ask();
        }
        catch (CephException e)
        {
            throw MirroredPool.Failed(e);
        }
    }

    [LoggerMessage(EventIds.MirrorLetGo, LogLevel.Information, "Image {Image} is mirrored no more and stays as it is")]
    private partial void LogLetGo(string image);
}
