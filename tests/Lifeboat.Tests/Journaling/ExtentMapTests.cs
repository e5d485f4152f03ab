// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Journaling.Indexing;
using Lifeboat.Testing;

namespace Lifeboat.Tests.Journaling;

public sealed class ExtentMapTests
{
    private const int Size = 16 << 20;

    [Fact]
    public void Random_sets_are_found_as_a_plain_array_has_them()
    {
        for (ulong seed = 0; seed < 10; seed++)
        {
            var prng = new Prng(seed);
            var map = new ExtentMap(Size);
            var model = new long[Size / 512];
            Array.Fill(model, Extent.Unknown);
            for (var i = 0; i < 400; i++)
            {
                var from = prng.Next(Size / 512);
                var to = Math.Min(Size / 512, from + 1 + prng.Next(prng.Chance(0.1) ? 12000 : 64));
                var source = prng.Chance(0.2) ? Extent.Zeroes : prng.Next(1L << 40) * 512;
                map.Set(from * 512L, (to - from) * 512L, source);
                for (var block = from; block < to; block++)
                    model[block] = source < 0 ? source : source + (block - from) * 512L;
                if (i % 100 == 99) map.Compact();
                if (i % 40 == 0) Check(map, model, 0, Size / 512);
                Check(map, model, from, Math.Min(Size / 512, to + prng.Next(100)));
            }
            CheckAll(map, model);
        }
    }

    [Fact]
    public void Bytes_need_no_alignment()
    {
        var map = new ExtentMap(1000);
        map.Set(1, 998, 7000);
        map.Set(500, 1, Extent.Zeroes);
        var found = new List<Extent>();
        map.Find(0, 1000, found);
        Assert.Equal(
            [
                new Extent(0, 1, Extent.Unknown), new Extent(1, 499, 7000), new Extent(500, 1, Extent.Zeroes),
                new Extent(501, 498, 7500), new Extent(999, 1, Extent.Unknown),
            ],
            found);
    }

    [Fact]
    public void A_large_zero_costs_next_to_nothing()
    {
        const long size = 1L << 40;
        var before = GC.GetAllocatedBytesForCurrentThread();
        var map = new ExtentMap(size);
        map.Set(0, size, Extent.Zeroes);
        map.Set(12345, 4096, 1);
        var used = GC.GetAllocatedBytesForCurrentThread() - before;

        Assert.True(used < 16 << 20, $"{used} bytes");
        var found = new List<Extent>();
        map.Find(0, size, found);
        Assert.Equal(3, found.Count);
    }

    [Fact]
    public void A_million_random_writes_take_at_most_20_MiB()
    {
        const long size = 100L << 30;
        var prng = new Prng(5);
        var map = new ExtentMap(size);
        for (var i = 0; i < 1_000_000; i++) map.Set(prng.Next(size / 4096) * 4096, 4096, i * 5000L);
        map.Compact();
        Assert.InRange(map.MemoryBytes, 12 << 20, 20 << 20);
    }

    private static void Check(ExtentMap map, long[] model, int from, int to)
    {
        if (from >= to) return;
        var found = new List<Extent>();
        map.Find(from * 512L, (to - from) * 512L, found);
        var at = from * 512L;
        foreach (var extent in found)
        {
            Assert.Equal(at, extent.Offset);
            for (long done = 0; done < extent.Length; done += 512)
            {
                var expected = model[(extent.Offset + done) / 512];
                if (expected != (extent.Source < 0 ? extent.Source : extent.Source + done))
                    Assert.Fail($"at {extent.Offset + done}: {extent.Source}+{done}, expected {expected}");
            }
            at = extent.End;
        }
        Assert.Equal(to * 512L, at);
    }

    private static void CheckAll(ExtentMap map, long[] model)
    {
        var known = 0L;
        var at = 0L;
        foreach (var extent in map.All())
        {
            Assert.True(extent.Offset >= at && extent.Length > 0);
            Assert.Equal(model[extent.Offset / 512], extent.Source);
            known += extent.Length;
            at = extent.End;
        }
        Assert.Equal(model.LongCount(m => m != Extent.Unknown) * 512, known);
    }
}
