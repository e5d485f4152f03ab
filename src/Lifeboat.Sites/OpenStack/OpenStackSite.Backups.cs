// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Sites;
using Lifeboat.Protection.Instances;
using Lifeboat.Sites.OpenStack.Backups;
using Lifeboat.Sites.OpenStack.BlockStorage;
using Lifeboat.Sites.OpenStack.Describing;
using Lifeboat.Sites.OpenStack.Http;

namespace Lifeboat.Sites.OpenStack;

internal sealed partial class OpenStackSite : IBacksUpVolumes
{
    public Task<IReadOnlyList<SiteVolume>> VolumesAsync(CancellationToken ct) => AskAsync(async () =>
    {
        var all = await _cloud.Cinder.VolumesAsync(ct);
        var users = all.Any(v => v.Attachments is { Count: > 0 }) ? await RunningAsync(ct) : [];
        return (IReadOnlyList<SiteVolume>)[.. all.Select(v => SiteVolumeOf(v, users))];
    });

    public Task<IReadOnlyList<string>> BackupGapsAsync(CancellationToken ct) =>
        AskAsync(() => _backups.GapsAsync(_options.BackupCloud, ct));

    public Task<IReadOnlyDictionary<string, string>> SnapshotAsync(string prefix,
        IReadOnlyDictionary<string, string> volumes, CancellationToken ct) =>
        AskAsync(() => _snapshots.MakeAsync(prefix, volumes, ct));

    public Task RemoveSnapshotsAsync(string prefix, CancellationToken ct) => AskAsync(async () =>
    {
        await _snapshots.RemoveAsync(prefix, ct);
        return true;
    });

    public Task<VolumeBackup> BackUpAsync(BackUpRequest request, CancellationToken ct) =>
        AskAsync(() => _backups.BackUpAsync(request, ct));

    public Task ImportAsync(VolumeBackup backup, CancellationToken ct) => AskAsync(async () =>
    {
        await _backups.ImportAsync(backup, ct);
        return true;
    });

    public Task RemoveBackupsAsync(string prefix, IReadOnlyCollection<string> ids, CancellationToken ct) =>
        AskAsync(async () =>
        {
            await _backups.RemoveAsync(prefix, ids, ct);
            return true;
        });

    public Task<SiteFit> RestoreFitAsync(IReadOnlyList<CloudDisk> volumes, CancellationToken ct) =>
        AskAsync(() => _restores.FitAsync(volumes, ct));

    public Task<SiteVolume> RestoreAsync(RestoreRequest request, CancellationToken ct) =>
        AskAsync(async () => SiteVolumeOf(await _restores.RestoreAsync(request, ct), new Dictionary<string, string>()));

    public Task RemoveRestoredAsync(string tag, CancellationToken ct) => AskAsync(async () =>
    {
        await _restores.RemoveAsync(tag, ct);
        return true;
    });

    private async Task<Dictionary<string, string>> RunningAsync(CancellationToken ct) =>
        ServerNames.Of(await _cloud.Nova.ServersAsync(ct))
            .Where(s => Power(s.Value) is not InstancePower.Stopped)
            .ToDictionary(s => s.Value.Id, s => s.Key, StringComparer.Ordinal);

    private static SiteVolume SiteVolumeOf(CinderVolume volume, IReadOnlyDictionary<string, string> running) =>
        new(volume.Id, volume.Name, volume.Size, volume.VolumeType, volume.Status,
        [
            .. (volume.Attachments ?? []).Select(a => a.ServerId).OfType<string>().Distinct()
                .Select(running.GetValueOrDefault).OfType<string>(),
        ])
        {
            AvailabilityZone = volume.AvailabilityZone,
            Bootable = volume.Bootable == "true",
            Encrypted = volume.Encrypted,
            Restored = VolumeRestores.MarkOf(volume),
        };
}
