// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Replication.Capture;

/// <summary>Where a pull reads a volume from: the disk as it goes on, or its image of one moment.</summary>
public interface IGapReader
{
    /// <summary>
    /// Extents of the gap inside the range (offset and length in bytes), in order, not overlapping. With an
    /// <see cref="GapKind.Allocation"/> map: what is allocated; all else reads as zeroes.
    /// </summary>
    /// <exception cref="TapException">They cannot be had any more.</exception>
    Task<IReadOnlyList<GapExtent>> GapAsync(GapMap map, long offset, long length, CancellationToken ct);

    /// <summary>Fills the buffer from that byte on. Several may be under way at once.</summary>
    /// <exception cref="TapException">The volume cannot be read.</exception>
    ValueTask ReadAsync(long offset, Memory<byte> buffer, CancellationToken ct);
}
