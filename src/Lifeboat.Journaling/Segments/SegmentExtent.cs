// SPDX-License-Identifier: Apache-2.0
using System.Runtime.InteropServices;
using Lifeboat.Journaling.Indexing;
using Lifeboat.Journaling.Records;
using Lifeboat.Protection;

namespace Lifeboat.Journaling.Segments;

/// <summary>
/// Where the newest bytes that a segment has of a range are; 16 bytes in memory and on disk. A segment's extents are
/// sorted by <see cref="Key"/> and do not overlap.
/// </summary>
/// <param name="Key">The volume's index in the upper 16 bits, the offset in the lower 48.</param>
/// <param name="Length">Bytes; a longer range of zeroes is several extents.</param>
/// <param name="Position">Of the data in the segment file; <see cref="Zeroes"/> when it reads as zeroes.</param>
[StructLayout(LayoutKind.Sequential, Pack = 8)]
internal readonly record struct SegmentExtent(ulong Key, uint Length, uint Position)
{
    public const int Size = 16;
    public const uint Zeroes = uint.MaxValue;
    public const long OffsetMax = (1L << 48) - 1;

    public ushort Volume => (ushort)(Key >> 48);
    public long Offset => (long)Key & OffsetMax;
    public long End => Offset + Length;

    public static ulong KeyOf(ushort volume, long offset) => (ulong)volume << 48 | (ulong)offset;

    /// <summary>The table of these records: what a later one covers is forgotten.</summary>
    public static SegmentExtent[] TableOf(ReadOnlySpan<RecordEntry> entries)
    {
        var ends = new SortedDictionary<ushort, long>();
        foreach (ref readonly var entry in entries)
            if (entry.Kind is RecordKind.Write or RecordKind.Zero)
                ends[entry.Volume] = Math.Max(ends.GetValueOrDefault(entry.Volume), entry.Offset + entry.Length);
        var table = new List<SegmentExtent>(entries.Length);
        foreach (var (volume, end) in ends)
        {
            Invariant.Holds(end <= OffsetMax, "volumes are shorter than 256 TiB");
            var map = new ExtentMap(end);
            foreach (ref readonly var entry in entries)
            {
                if (entry.Volume != volume) continue;
                if (entry.Kind == RecordKind.Write) map.Set(entry.Offset, entry.Length, entry.DataPosition);
                else if (entry.Kind == RecordKind.Zero) map.Set(entry.Offset, entry.Length, Extent.Zeroes);
            }
            foreach (var extent in map.All()) Add(table, volume, extent);
        }
        return [.. table];
    }

    // The map cuts at its buckets; what belongs together is joined again.
    private static void Add(List<SegmentExtent> table, ushort volume, Extent extent)
    {
        var position = extent.Source == Extent.Zeroes ? Zeroes : checked((uint)extent.Source);
        if (table.Count > 0 && table[^1] is var last && last.Volume == volume && last.End == extent.Offset
            && last.Length + extent.Length <= uint.MaxValue
            && (position == Zeroes ? last.Position == Zeroes
                : last.Position != Zeroes && last.Position + (long)last.Length == position))
            table[^1] = last with { Length = last.Length + (uint)extent.Length };
        else
            table.Add(new SegmentExtent(KeyOf(volume, extent.Offset), checked((uint)extent.Length), position));
    }
}
