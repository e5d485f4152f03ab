// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Sites;

namespace Lifeboat.Sites;

/// <summary>
/// Has volumes in a pool that the storage itself mirrors to the pool of the other cloud. Whoever asks makes points of
/// them, looks what has arrived, and says which side is primary. What volumes there are, and whether there is room for
/// more, <see cref="IBacksUpVolumes"/> says. Every call may be repeated, also after a restart (I8). Failures are
/// <see cref="SiteException"/>.
/// </summary>
public interface IMirrorsVolumes
{
    /// <summary>What keeps the site from having volumes mirrored, either way; empty: nothing.</summary>
    Task<IReadOnlyList<string>> MirrorGapsAsync(CancellationToken ct);
    /// <summary>Why some of these volumes cannot be mirrored, by id; what is not in it can be.</summary>
    Task<IReadOnlyDictionary<string, string>> MirrorFaultsAsync(IReadOnlyCollection<string> ids, CancellationToken ct);
    /// <summary>
    /// Begins to mirror these volumes from here. Those that are mirrored since this epoch go on, and are primary again
    /// if they were demoted; those of an earlier one begin anew, as something else than the other side knows.
    /// </summary>
    Task MirrorAsync(IReadOnlyCollection<string> ids, long epoch, CancellationToken ct);
    /// <summary>Snapshots of all of these volumes, one after the other in no time: whoever wants them to be of one
    /// moment holds the guests meanwhile.</summary>
    /// <param name="volumes">Id of the volume by the name that the group has for it.</param>
    Task SnapshotImagesAsync(string snapshot, IReadOnlyDictionary<string, string> volumes, CancellationToken ct);
    /// <summary>At the primary side; the other one follows with the next point. Removing what is gone
    /// succeeds.</summary>
    Task RemoveImageSnapshotsAsync(string snapshot, IReadOnlyCollection<string> ids, CancellationToken ct);
    /// <summary>Has a volume carried to the other side as it is now, with the snapshot that the request
    /// names.</summary>
    /// <param name="last">The volume is demoted with it: nobody writes to it here any more.</param>
    /// <returns>What the other side needs to look whether it has it.</returns>
    Task<VolumeBackup> CarryAsync(BackUpRequest request, bool last, CancellationToken ct);
    /// <summary>What this side lacks of it; null: it is here, whole.</summary>
    Task<string?> LackAsync(VolumeBackup carried, CancellationToken ct);
    /// <summary>A new volume with what a mirrored one held at a point; the mirroring goes on.</summary>
    Task<SiteVolume> CloneAsync(RestoreRequest request, CancellationToken ct);
    /// <summary>Also what was begun of them.</summary>
    Task RemoveClonesAsync(string tag, CancellationToken ct);
    /// <summary>
    /// Makes this side primary: the mirrored images are the cloud's volumes from now on, as they were at the point.
    /// Those that held more than that keep it in a snapshot. None is touched unless all are here, whole.
    /// </summary>
    /// <param name="lost">The other side is presumed lost; else it has demoted them.</param>
    Task<IReadOnlyList<SiteVolume>> TakeOverAsync(IReadOnlyList<RestoreRequest> requests, bool lost,
        CancellationToken ct);
    /// <summary>
    /// These volumes are mirrored no more and stay as they are; our snapshots of them go. What the other side has of
    /// those that were primary goes too.
    /// </summary>
    Task LetGoAsync(IReadOnlyCollection<string> ids, CancellationToken ct);
}
