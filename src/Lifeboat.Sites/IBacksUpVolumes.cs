// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Sites;
using Lifeboat.Protection.Instances;

namespace Lifeboat.Sites;

/// <summary>
/// Has volumes that its cloud can snapshot, back up to a storage that the other cloud reaches too, and restore. Every
/// call may be repeated, also after a restart, and then finds what was made before (I8). Failures are
/// <see cref="SiteException"/>.
/// </summary>
public interface IBacksUpVolumes
{
    /// <summary>All volumes of the site.</summary>
    Task<IReadOnlyList<SiteVolume>> VolumesAsync(CancellationToken ct);
    /// <summary>What keeps the site from backing up and from being told of backups; empty: nothing.</summary>
    Task<IReadOnlyList<string>> BackupGapsAsync(CancellationToken ct);
    /// <summary>
    /// Snapshots of all of these volumes: all at once where the cloud can, else one after the other. Whoever wants them
    /// to be of one moment holds the guests meanwhile.
    /// </summary>
    /// <param name="prefix">Of their names; by it they are removed.</param>
    /// <param name="volumes">Id of the volume by the name that the group has for it.</param>
    /// <returns>Id of the snapshot by the same name.</returns>
    Task<IReadOnlyDictionary<string, string>> SnapshotAsync(string prefix, IReadOnlyDictionary<string, string> volumes,
        CancellationToken ct);
    /// <summary>Also those that failed. Removing what is gone succeeds.</summary>
    Task RemoveSnapshotsAsync(string prefix, CancellationToken ct);
    /// <summary>Returns when the backup is whole, and with what the other cloud needs to know of it.</summary>
    Task<VolumeBackup> BackUpAsync(BackUpRequest request, CancellationToken ct);
    /// <summary>Makes another cloud's backup known here; one that is known is left alone.</summary>
    /// <exception cref="SiteException">Refused: the backup that it is the difference to is not known
    /// here.</exception>
    Task ImportAsync(VolumeBackup backup, CancellationToken ct);
    /// <summary>Removes backups by id and all whose names begin so, failed ones too; those with what builds on them
    /// removed before them.</summary>
    Task RemoveBackupsAsync(string prefix, IReadOnlyCollection<string> ids, CancellationToken ct);
    /// <summary>Whether these volumes can be restored here, all together. Changes nothing.</summary>
    Task<SiteFit> RestoreFitAsync(IReadOnlyList<CloudDisk> volumes, CancellationToken ct);
    /// <summary>Returns when the volume is there with all that the backup holds.</summary>
    Task<SiteVolume> RestoreAsync(RestoreRequest request, CancellationToken ct);
    /// <summary>Removes what a run restored. Removing what is gone succeeds.</summary>
    Task RemoveRestoredAsync(string tag, CancellationToken ct);
}
