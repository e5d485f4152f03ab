// SPDX-License-Identifier: Apache-2.0
using System.Runtime.InteropServices;
using Lifeboat.Replication.Capture;

namespace Lifeboat.Testing.Simulation;

/// <summary>
/// What copy-before-write in QEMU keeps of one moment: it dies with QEMU, outlives the agent, and may break, but the
/// guest's writes never do.
/// </summary>
internal sealed class MomentImage(GuestDisk disk, IReadOnlyList<ChangeMap> changes)
{
    private readonly long[] _stamps = disk.Snapshot();
    private readonly List<GapExtent> _allocation = disk.Allocation(0, disk.SizeBytes);

    public long SizeBytes => (long)_stamps.Length * GuestWrite.SectorBytes;
    public bool Broken { get; set; }

    public IReadOnlyList<GapExtent> Gap(GapMap map, long offset, long length) => map.Kind == GapKind.Known
        ? ChangeMap.Union(changes, offset, length)
        : [.. _allocation.Select(e => Within(e, offset, offset + length)).Where(e => e.Length > 0)];

    public void Read(long offset, Span<byte> buffer)
    {
        var first = (int)(offset / GuestWrite.SectorBytes);
        for (var i = 0; i * GuestWrite.SectorBytes < buffer.Length; i++)
            MemoryMarshal.Cast<byte, long>(buffer.Slice(i * GuestWrite.SectorBytes, GuestWrite.SectorBytes))
                .Fill(_stamps[first + i]);
    }

    private static GapExtent Within(GapExtent extent, long from, long to)
    {
        var start = Math.Max(extent.Offset, from);
        return new GapExtent(start, Math.Min(extent.Offset + extent.Length, to) - start, extent.Zero);
    }
}
