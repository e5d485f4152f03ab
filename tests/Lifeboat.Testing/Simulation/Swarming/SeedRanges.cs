// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Testing.Simulation.Swarming;

/// <summary>A set of seeds that mostly follow each other: few ranges, both ends included, in order.</summary>
public sealed class SeedRanges
{
    private readonly List<(long First, long Last)> _ranges = [];

    public SeedRanges()
    {
    }

    public SeedRanges(IEnumerable<(long First, long Last)> ranges)
    {
        foreach (var (first, last) in ranges) Add(first, last);
    }

    public IReadOnlyList<(long First, long Last)> Ranges => _ranges;
    public long Count => _ranges.Sum(r => r.Last - r.First + 1);

    public bool Contains(long seed)
    {
        var at = FirstEndingAt(seed);
        return at < _ranges.Count && _ranges[at].First <= seed;
    }

    /// <summary>How many of the seeds from first to last are in it.</summary>
    public long Within(long first, long last) =>
        _ranges.Sum(r => Math.Max(0, Math.Min(r.Last, last) - Math.Max(r.First, first) + 1));

    public void Add(long seed) => Add(seed, seed);

    public void Add(long first, long last)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(last, first);
        // Those that touch the new one, one seed before and behind it included, become one with it.
        var from = FirstEndingAt(first - 1);
        var to = from;
        for (; to < _ranges.Count && _ranges[to].First <= last + 1; to++)
            (first, last) = (Math.Min(first, _ranges[to].First), Math.Max(last, _ranges[to].Last));
        _ranges.RemoveRange(from, to - from);
        _ranges.Insert(from, (first, last));
    }

    // The first range that does not end before the seed.
    private int FirstEndingAt(long seed)
    {
        int low = 0, high = _ranges.Count;
        while (low < high)
        {
            var middle = (low + high) >>> 1;
            if (_ranges[middle].Last < seed) low = middle + 1;
            else high = middle;
        }
        return low;
    }
}
