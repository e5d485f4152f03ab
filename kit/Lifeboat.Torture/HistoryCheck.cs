// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection.RecoveryPoints;

namespace Lifeboat.Torture;

/// <summary>
/// History has no hole that was not shown: where points are further apart than the machine explains, the source must
/// have said meanwhile that it was not streaming. And no two points may be out of order.
/// </summary>
internal sealed class HistoryCheck(TortureField field)
{
    // Points are cut every 0.5 s; single ones may be withdrawn.
    private static readonly TimeSpan Hole = TimeSpan.FromSeconds(10);
    private DateTimeOffset _checked;

    public int Holes { get; private set; }

    public void Look(IReadOnlyList<RecoveryPoint> points, SourceWatch source)
    {
        for (var i = 1; i < points.Count; i++)
        {
            var (before, after) = (points[i - 1], points[i]);
            if (after.Sequence <= before.Sequence || after.CutAt < before.CutAt)
                field.Log.Violation($"points are out of order: {before} then {after}");
            if (after.CutAt <= _checked) continue;
            var late = field.Lateness.Within(before.CutAt, after.CutAt);
            if (after.CutAt - before.CutAt - late <= Hole) continue;
            Holes++;
            if (!source.ShowedTrouble(before.CutAt, after.CutAt))
                field.Log.Violation($"no point from {before.CutAt:O} to {after.CutAt:O}, and the source said all the "
                    + "while that it was streaming");
        }
        if (points.Count > 0) _checked = points[^1].CutAt;
    }
}
