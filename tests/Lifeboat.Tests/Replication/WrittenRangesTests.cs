// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Replication.Capture;
using Lifeboat.Testing;
using Xunit;

namespace Lifeboat.Tests.Replication;

public sealed class WrittenRangesTests
{
    [Theory]
    [InlineData(1, 512)]
    [InlineData(2, 1)]
    [InlineData(3, 100)]
    [InlineData(4, 4096)]
    public void Gaps_are_exactly_the_bytes_that_were_not_written(ulong seed, int granularity)
    {
        const int size = 3 << 20;
        var prng = new Prng(seed);
        var model = new bool[size];
        var ranges = new WrittenRanges();
        for (var round = 0; round < 300; round++)
        {
            var offset = prng.Next(size / granularity) * granularity;
            var length = Math.Min(size - offset, (1 + prng.Next(64)) * granularity);
            ranges.Add(offset, length);
            model.AsSpan(offset, length).Fill(true);
            if (round >= 30 && round % 20 != 0) continue;
            Compare(ranges, model, prng.Next(size / 2), size / 2 + prng.Next(size / 2));
        }
        Compare(ranges, model, 0, size);
    }

    [Fact]
    public void Below_the_floor_nothing_is_kept_and_above_nothing_is_lost()
    {
        var ranges = new WrittenRanges();
        ranges.Add(0, 4 << 20);
        ranges.RaiseFloor(2 << 20);
        ranges.Add(1 << 20, 512);
        Assert.True(ranges.NextGap(0, 4 << 20, out var start, out var end));
        Assert.Equal((0, 2L << 20), (start, end));
        Assert.False(ranges.NextGap(2 << 20, 4 << 20, out _, out _));
    }

    private static void Compare(WrittenRanges ranges, bool[] model, long from, long to)
    {
        var seen = new bool[model.Length];
        seen.AsSpan().Fill(true);
        for (var at = from; ranges.NextGap(at, to, out var start, out var end); at = end)
        {
            Assert.InRange(start, at, to - 1);
            Assert.InRange(end, start + 1, to);
            seen.AsSpan((int)start, (int)(end - start)).Clear();
        }
        Assert.True(seen.AsSpan((int)from, (int)(to - from)).SequenceEqual(model.AsSpan((int)from, (int)(to - from))));
    }
}
