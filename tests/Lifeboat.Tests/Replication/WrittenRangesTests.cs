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

    [Fact]
    public void Writes_scattered_over_a_long_disk_take_little_memory_each()
    {
        const int count = 1 << 16;
        const long apart = 16L << 20;
        var ranges = new WrittenRanges();
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (long i = 0; i < count; i++) ranges.Add(i * apart, 4096);
        var taken = GC.GetAllocatedBytesForCurrentThread() - before;

        // Tables that grew are counted as well.
        Assert.InRange(taken / count, 1, 250);
        for (long i = 0; i < count; i += 1000)
        {
            Assert.True(ranges.NextGap(i * apart, (i + 1) * apart, out var start, out var end));
            Assert.Equal((i * apart + 4096, (i + 1) * apart), (start, end));
        }
        ranges.RaiseFloor(count / 2 * apart + 1);
        Assert.True(ranges.NextGap((count / 2 - 1) * apart, count / 2 * apart, out var from, out _));
        Assert.Equal((count / 2 - 1) * apart, from);
        Assert.False(ranges.NextGap(count / 2 * apart, count / 2 * apart + 4096, out _, out _));
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
