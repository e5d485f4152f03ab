// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection.RecoveryPoints;

namespace Lifeboat.Protection.Policies;

/// <summary>Which points a retention keeps. Pure: the same points at the same age give the same answer.</summary>
public static class Thinning
{
    /// <summary>The points to keep, in order. The newest and pinned ones are always among them.</summary>
    /// <param name="points">All points, oldest first.</param>
    /// <param name="now">
    /// By the clock of who keeps them. Age is measured from the newest point or from now, whichever is earlier: when
    /// the source is down for a day, or its clock is ahead, history must not melt away.
    /// </param>
    public static IReadOnlyList<RecoveryPoint> Keep(IReadOnlyList<RecoveryPoint> points, Retention retention,
        DateTimeOffset now)
    {
        if (points.Count == 0) return points;
        var newest = points[^1];
        var reference = now < newest.CutAt ? now : newest.CutAt;
        var taken = retention.Rules.Select(_ => new HashSet<long>()).ToArray();
        var kept = new List<RecoveryPoint>(points.Count);
        foreach (var point in points)
        {
            var keep = point.Sequence == newest.Sequence || point.State == PointState.Pinned;
            // Every rule is asked, also when one has said yes: a slot's first point is its first, kept by whom ever.
            for (var i = 0; i < taken.Length; i++)
                keep |= Keeps(retention.Rules[i], point, reference, taken[i]);
            if (keep) kept.Add(point);
        }
        return kept;
    }

    private static bool Keeps(RetentionRule rule, RecoveryPoint point, DateTimeOffset reference, HashSet<long> taken)
    {
        if (!rule.IsAbout(point)) return false;
        // A slot whose first point is too old is over: its second does not come back in the first one's place.
        var first = rule.Every is not { } every || taken.Add(point.CutAt.UtcTicks / every.Ticks);
        return first && reference - point.CutAt <= rule.For;
    }
}
