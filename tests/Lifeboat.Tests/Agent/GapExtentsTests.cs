// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Agent.Capture;
using Lifeboat.Nbd;
using Lifeboat.Replication.Capture;

namespace Lifeboat.Tests.Agent;

public sealed class GapExtentsTests
{
    private const uint Zero = NbdExtent.Hole | NbdExtent.Zero;

    [Fact]
    public void A_gap_is_what_is_dirty_split_where_it_reads_as_zeroes()
    {
        var gap = GapExtents.Of(1000,
            [new(100, 0), new(300, NbdExtent.Dirty), new(50, 0), new(50, NbdExtent.Dirty)],
            [new(200, 0), new(150, Zero), new(150, 0)]);

        Assert.Equal(
            [new GapExtent(1100, 100, false), new GapExtent(1200, 150, true), new GapExtent(1350, 50, false),
                new GapExtent(1450, 50, false)], gap);
    }

    [Fact]
    public void Neighbours_of_one_kind_are_one_extent()
    {
        var gap = GapExtents.Of(0, [new(100, NbdExtent.Dirty)], [new(40, 0), new(60, NbdExtent.Hole)]);

        Assert.Equal([new GapExtent(0, 100, false)], gap);
    }
}
