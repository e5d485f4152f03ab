// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Replication.Capture;

namespace Lifeboat.Replication.Resync;

/// <summary>A range of a volume to look at, end excluded.</summary>
internal readonly record struct PullArea(long Start, long End, bool Zero)
{
    public long Length => End - Start;

    /// <summary>
    /// The extents inside a window, rounded outwards to blocks and merged: reading more than asked for is harmless, a
    /// block that is half known cannot be compared.
    /// </summary>
    public static List<PullArea> Aligned(
        IReadOnlyList<GapExtent> extents, long from, long to, int block, bool zeroesToo)
    {
        var areas = new List<PullArea>();
        foreach (var extent in extents)
        {
            var start = Math.Max(from, extent.Offset);
            var end = Math.Min(to, extent.Offset + extent.Length);
            if (start >= end || (extent.Zero && !zeroesToo)) continue;
            var aligned = new PullArea(start / block * block, Math.Min(to, (end + block - 1) / block * block),
                extent.Zero && start % block == 0 && (end % block == 0 || end == to));
            Merge(areas, aligned);
        }
        return areas;
    }

    /// <summary>Ranges that cover the areas with few gaps, to ask for many with one message.</summary>
    public static List<PullArea> Clusters(List<PullArea> areas, long gap)
    {
        var clusters = new List<PullArea>();
        foreach (var area in areas)
        {
            if (clusters.Count > 0 && area.Start - clusters[^1].End <= gap)
                clusters[^1] = clusters[^1] with { End = area.End };
            else clusters.Add(area);
        }
        return clusters;
    }

    public static void Extend(List<PullArea> areas, long start, long end)
    {
        if (areas.Count > 0 && areas[^1].End == start) areas[^1] = areas[^1] with { End = end };
        else areas.Add(new PullArea(start, end, false));
    }

    private static void Merge(List<PullArea> areas, PullArea next)
    {
        if (areas.Count > 0 && next.Start < areas[^1].End)
            areas[^1] = new PullArea(areas[^1].Start, Math.Max(areas[^1].End, next.End), false);
        else areas.Add(next);
    }
}
