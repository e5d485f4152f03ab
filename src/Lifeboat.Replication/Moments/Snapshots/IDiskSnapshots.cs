// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Replication.Capture;

namespace Lifeboat.Replication.Moments.Snapshots;

/// <summary>
/// The disks of a group in a storage that keeps snapshots of them and can tell two apart. Snapshots belong to the disk:
/// they outlive its instance, the host and the agent. Every failure is a <see cref="TapException"/>; one that was told
/// of may have happened all the same.
/// </summary>
public interface IDiskSnapshots : IAsyncDisposable
{
    /// <summary>Numbers of the volumes in the group's journal.</summary>
    IReadOnlyList<ushort> Volumes { get; }

    /// <summary>As <see cref="IMomentTap.RestMarkAsync"/>.</summary>
    Task<string?> RestMarkAsync(CancellationToken ct);

    /// <summary>
    /// Names of a volume's snapshots, somebody else's among them, in no order. Of a volume that somebody has deleted:
    /// those that are left of it.
    /// </summary>
    Task<IReadOnlyList<string>> ListAsync(ushort volume, CancellationToken ct);

    /// <summary>
    /// Makes a snapshot of each volume. All are of one moment between the call and its return, and hold every write
    /// that was acknowledged before the call. Where it fails some may be there.
    /// </summary>
    /// <returns>That moment; where the storage does not tell it, the latest that is certainly not behind it.</returns>
    Task<DateTimeOffset> TakeAsync(string name, CancellationToken ct);

    /// <summary>Durable when it returns.</summary>
    Task RenameAsync(ushort volume, string from, string to, CancellationToken ct);

    /// <summary>Removing what is not there succeeds.</summary>
    Task RemoveAsync(ushort volume, string name, CancellationToken ct);

    /// <summary>
    /// What differs between two snapshots of a volume, in order, not overlapping; it may be more than that, never less.
    /// </summary>
    /// <param name="from">The older one; null: all that may be other than zero in the newer one.</param>
    Task<IReadOnlyList<GapExtent>> DiffAsync(ushort volume, string? from, string to, CancellationToken ct);

    /// <summary>Opens a snapshot for reading.</summary>
    Task<ISnapshotImage> OpenAsync(ushort volume, string name, CancellationToken ct);
}

/// <summary>A volume as it was when its snapshot was made.</summary>
public interface ISnapshotImage : IAsyncDisposable
{
    long SizeBytes { get; }

    /// <summary>Fills the buffer from that byte on.</summary>
    /// <exception cref="TapException">It cannot be read.</exception>
    ValueTask ReadAsync(long offset, Memory<byte> buffer, CancellationToken ct);
}
