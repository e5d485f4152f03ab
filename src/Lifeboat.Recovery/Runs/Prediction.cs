// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Recovery.Steps;

namespace Lifeboat.Recovery.Runs;

/// <summary>How long a step will take: the median of how long it took, unless it says so itself.</summary>
internal static class Prediction
{
    public static TimeSpan? Of(IStep step, IReadOnlyList<TimeSpan> earlier) =>
        step is HoldOpen hold ? hold.For : Median(earlier);

    private static TimeSpan? Median(IReadOnlyList<TimeSpan> durations)
    {
        if (durations.Count == 0) return null;
        var sorted = durations.Order().ToList();
        var middle = sorted.Count / 2;
        return sorted.Count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
    }
}
