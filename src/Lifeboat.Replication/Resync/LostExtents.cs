// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Replication.Capture;

namespace Lifeboat.Replication.Resync;

/// <summary>What a volume's next pull brings besides its gap, because the recovery site has lost it.</summary>
internal static class LostExtents
{
    /// <summary>The gap's extents and, where they leave out what is lost, that; in order, inside the range.</summary>
    public static IReadOnlyList<GapExtent> Unite(IReadOnlyList<GapExtent> gap, IReadOnlyList<GapExtent> lost,
        long from, long to)
    {
        if (lost.Count == 0) return gap;
        var all = new List<GapExtent>(gap);
        foreach (var extent in lost)
        {
            var at = Math.Max(extent.Offset, from);
            var end = Math.Min(extent.Offset + extent.Length, to);
            foreach (var known in gap)
            {
                if (at >= end) break;
                if (known.Offset + known.Length <= at || known.Offset >= end) continue;
                if (known.Offset > at) all.Add(new GapExtent(at, known.Offset - at, Zero: false));
                at = known.Offset + known.Length;
            }
            if (at < end) all.Add(new GapExtent(at, end - at, Zero: false));
        }
        all.Sort(static (a, b) => a.Offset.CompareTo(b.Offset));
        return all;
    }

    /// <summary>Sorted, and no two overlap.</summary>
    public static IReadOnlyList<GapExtent> Of(IEnumerable<(long Offset, long Length)> ranges)
    {
        var all = new List<GapExtent>();
        foreach (var (offset, length) in ranges.OrderBy(r => r.Offset))
        {
            if (all is [.., var last] && last.Offset + last.Length >= offset)
                all[^1] = last with { Length = Math.Max(last.Offset + last.Length, offset + length) - last.Offset };
            else all.Add(new GapExtent(offset, length, Zero: false));
        }
        return all;
    }
}
