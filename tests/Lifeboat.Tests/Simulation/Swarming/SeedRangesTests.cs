// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Testing;
using Lifeboat.Testing.Simulation.Swarming;

namespace Lifeboat.Tests.Simulation.Swarming;

public sealed class SeedRangesTests
{
    [Fact]
    public void Seeds_in_any_order_become_ranges_that_know_them()
    {
        var prng = new Prng(1);
        for (var round = 0; round < 200; round++)
        {
            var seeds = new SeedRanges();
            var known = new HashSet<long>();
            for (var i = 0; i < 40; i++)
            {
                var first = prng.Next(1L, 60L);
                var last = first + prng.Next(4L);
                seeds.Add(first, last);
                for (var s = first; s <= last; s++) known.Add(s);
            }
            Assert.Equal(known.Count, seeds.Count);
            Assert.All(Enumerable.Range(0, 70), s => Assert.Equal(known.Contains(s), seeds.Contains(s)));
            Assert.Equal(known.Count(s => s is >= 10 and <= 30), seeds.Within(10, 30));
            Assert.All(seeds.Ranges.Zip(seeds.Ranges.Skip(1)), r => Assert.True(r.First.Last + 1 < r.Second.First));
        }
    }
}
