// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Sites;
using Lifeboat.Sites.OpenStack.Http;
using Lifeboat.Sites.OpenStack.Mirrors;

namespace Lifeboat.Sites.OpenStack;

internal sealed partial class OpenStackSite : IMirrorsVolumes
{
    private static readonly Dictionary<string, string> Nobody = new(StringComparer.Ordinal);

    public Task<IReadOnlyList<string>> MirrorGapsAsync(CancellationToken ct) => AskAsync(async () =>
        _mirror is null ? ["options.mirror is not set: it says which pool of Ceph is mirrored to the other cloud"]
            : await _mirror.GapsAsync(_options.BackupCloud, ct));

    public Task<IReadOnlyDictionary<string, string>> MirrorFaultsAsync(IReadOnlyCollection<string> ids,
        CancellationToken ct) => AskAsync(() => Mirror().FaultsAsync(ids, ct));

    public Task MirrorAsync(IReadOnlyCollection<string> ids, long epoch, CancellationToken ct) =>
        AskAsync(() => Mirror().MirrorAsync(ids, epoch, ct));

    public Task SnapshotImagesAsync(string snapshot, IReadOnlyDictionary<string, string> volumes,
        CancellationToken ct) => AskAsync(() => Mirror().SnapshotAsync(snapshot, volumes.Values, ct));

    public Task RemoveImageSnapshotsAsync(string snapshot, IReadOnlyCollection<string> ids, CancellationToken ct) =>
        AskAsync(() => Mirror().RemoveSnapshotsAsync(snapshot, ids, ct));

    public Task<VolumeBackup> CarryAsync(BackUpRequest request, bool last, CancellationToken ct) =>
        AskAsync(() => Mirror().CarryAsync(request, last, ct));

    public Task<string?> LackAsync(VolumeBackup carried, CancellationToken ct) =>
        AskAsync(() => Mirror().LackAsync(carried, ct));

    public Task<SiteVolume> CloneAsync(RestoreRequest request, CancellationToken ct) =>
        AskAsync(async () => SiteVolumeOf(await Mirror().CloneAsync(request, ct), Nobody));

    public Task RemoveClonesAsync(string tag, CancellationToken ct) =>
        AskAsync(() => _mirror?.RemoveClonesAsync(tag, ct) ?? Task.FromResult(true));

    public Task<IReadOnlyList<SiteVolume>> TakeOverAsync(IReadOnlyList<RestoreRequest> requests, bool lost,
        CancellationToken ct) => AskAsync(async () => (IReadOnlyList<SiteVolume>)
        [
            .. (await Mirror().TakeOverAsync(requests, lost, ct)).Select(v => SiteVolumeOf(v, Nobody)),
        ]);

    public Task LetGoAsync(IReadOnlyCollection<string> ids, CancellationToken ct) =>
        AskAsync(() => Mirror().LetGoAsync(ids, ct));

    private MirroredVolumes Mirror() => _mirror ?? throw new CloudException(CloudFault.Refused,
        "options.mirror is not set");
}
