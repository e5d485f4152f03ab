// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Nbd;
using Lifeboat.Replication.Capture;

namespace Lifeboat.Agent.Capture;

/// <summary>Lays the change map over the allocation: what differs, and which of it reads as zeroes.</summary>
internal static class GapExtents
{
    public static IReadOnlyList<GapExtent> Of(
        long offset, IReadOnlyList<NbdExtent> dirty, IReadOnlyList<NbdExtent> allocation)
    {
        var gap = new List<GapExtent>();
        int d = 0, a = 0;
        long dirtyLeft = Length(dirty, 0), allocationLeft = Length(allocation, 0);
        while (d < dirty.Count && a < allocation.Count)
        {
            var length = Math.Min(dirtyLeft, allocationLeft);
            if ((dirty[d].Flags & NbdExtent.Dirty) != 0)
                Add(gap, new GapExtent(offset, length, (allocation[a].Flags & NbdExtent.Zero) != 0));
            offset += length;
            dirtyLeft -= length;
            allocationLeft -= length;
            if (dirtyLeft == 0) dirtyLeft = Length(dirty, ++d);
            if (allocationLeft == 0) allocationLeft = Length(allocation, ++a);
        }
        return gap;
    }

    private static long Length(IReadOnlyList<NbdExtent> extents, int index) =>
        index < extents.Count ? extents[index].Length : 0;

    private static void Add(List<GapExtent> gap, GapExtent next)
    {
        if (gap.Count > 0 && gap[^1] is var last && last.Zero == next.Zero && last.Offset + last.Length == next.Offset)
            gap[^1] = last with { Length = last.Length + next.Length };
        else
            gap.Add(next);
    }
}
