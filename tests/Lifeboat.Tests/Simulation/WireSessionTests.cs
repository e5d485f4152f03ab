// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection;
using Lifeboat.Replication.Linking;
using Lifeboat.Testing.Simulation;

namespace Lifeboat.Tests.Simulation;

public sealed class WireSessionTests
{
    private static readonly Guid Ours = new("aaaaaaaa-0000-0000-0000-000000000001");
    private static readonly Guid Other = new("bbbbbbbb-0000-0000-0000-000000000002");
    private readonly WireSession _session = new()
    {
        Told = new HelloReply(Epoch.First, Guid.NewGuid(), Ours, Durable: 7, Sealed: 3, Seeded: false),
    };

    [Fact]
    public void Whoever_goes_on_where_the_replica_is_or_begins_a_stream_there_does_right()
    {
        Assert.Null(_session.Fault(null, new ShippedFrame(Ours, 8, 9, BeginsBatch: false)));
        Assert.Null(_session.Fault(null, null));
        Assert.Null(_session.Fault(null, new ShippedFrame(Ours, 10, 10, BeginsBatch: false)));

        var another = new WireSession { Told = _session.Told };
        Assert.Null(another.Fault(null, new ShippedFrame(Other, 8, 9, BeginsBatch: true)));
    }

    [Theory]
    [InlineData(false, 8, false)] // another stream that does not begin here
    [InlineData(true, 9, false)]  // a hole
    [InlineData(true, 7, false)]  // what is there already
    [InlineData(false, 9, true)]
    public void Whoever_does_not_is_seen_at_the_first_frame(bool ours, long first, bool beginsBatch) =>
        Assert.NotNull(_session.Fault(null, new ShippedFrame(ours ? Ours : Other, first, first, beginsBatch)));

    [Fact]
    public void A_hole_or_another_stream_behind_the_first_frame_is_seen()
    {
        Assert.Null(_session.Fault(null, new ShippedFrame(Ours, 8, 9, BeginsBatch: false)));
        Assert.NotNull(_session.Fault(null, new ShippedFrame(Ours, 11, 11, BeginsBatch: false)));
        Assert.NotNull(_session.Fault(null, new ShippedFrame(Other, 12, 12, BeginsBatch: true)));
    }

    [Fact]
    public void Over_several_paths_parts_count_by_their_numbers_and_once()
    {
        Assert.Null(_session.Fault(3, new ShippedFrame(Ours, 10, 10, BeginsBatch: false)));
        Assert.Null(_session.Fault(1, null));
        Assert.Null(_session.Fault(2, new ShippedFrame(Ours, 8, 9, BeginsBatch: false)));
        Assert.Null(_session.Fault(2, new ShippedFrame(Ours, 8, 9, BeginsBatch: false)));
        Assert.NotNull(_session.Fault(4, new ShippedFrame(Ours, 12, 12, BeginsBatch: false)));
    }
}
