// SPDX-License-Identifier: Apache-2.0
using System.Diagnostics;

namespace Lifeboat.Benchmarks.Nbd;

/// <summary>Times in buckets of 0.1 microseconds up to 10 ms; what is longer counts as 10 ms.</summary>
internal sealed class Histogram
{
    private const int Buckets = 100_000;

    private readonly long[] _counts = new long[Buckets];

    public void Clear() => Array.Clear(_counts);

    public void Add(long stopwatchTicks) =>
        _counts[Math.Clamp(stopwatchTicks * 10_000_000 / Stopwatch.Frequency, 0, Buckets - 1)]++;

    public double MedianMicroseconds()
    {
        var half = _counts.Sum() / 2;
        var bucket = 0;
        for (long seen = _counts[0]; seen < half; seen += _counts[bucket])
            bucket++;
        return bucket / 10.0;
    }
}
