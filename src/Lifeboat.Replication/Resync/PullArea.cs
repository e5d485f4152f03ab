// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Replication.Capture;

namespace Lifeboat.Replication.Resync;

/// <summary>A range of a volume to look at, end excluded.</summary>
internal readonly record struct PullArea(long Start, long End, bool Zero)
{
    private const int ClusterGap = 128 << 10;

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

    /// <summary>
    /// The next places of a list, together no longer than there is room and in no more clusters than that; one that is
    /// longer is cut in two.
    /// </summary>
    public static List<PullArea> Batch(List<PullArea> places, ref int next, int room, int clustersMax)
    {
        var batch = new List<PullArea>();
        var (cluster, clusters) = (default(PullArea), 0);
        while (next < places.Count && room > 0)
        {
            var place = places[next];
            var part = place.Length <= room ? place : place with { End = place.Start + room };
            if (clusters > 0 && cluster.Reaches(part)) cluster = cluster with { End = part.End };
            else if (clusters++ == clustersMax) break;
            else cluster = part;
            batch.Add(part);
            room -= (int)part.Length;
            if (part == place) next++;
            else places[next] = place with { Start = part.End };
        }
        return batch;
    }

    /// <summary>
    /// Ranges that cover the areas with few gaps, to ask for many with one message. None is longer than a window,
    /// unless one area is.
    /// </summary>
    public static List<PullArea> Clusters(List<PullArea> areas)
    {
        var clusters = new List<PullArea>();
        foreach (var area in areas)
        {
            if (clusters.Count > 0 && clusters[^1].Reaches(area))
                clusters[^1] = clusters[^1] with { End = area.End };
            else clusters.Add(area);
        }
        return clusters;
    }

    private bool Reaches(PullArea next) => next.Start - End <= ClusterGap && next.End - Start <= DiskWindow.LengthMax;

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
