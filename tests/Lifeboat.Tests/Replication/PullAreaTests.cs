// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Replication.Resync;

namespace Lifeboat.Tests.Replication;

public sealed class PullAreaTests
{
    [Fact]
    public void Batches_are_all_the_places_in_order_and_none_is_longer_than_there_is_room()
    {
        List<PullArea> places = [Of(0, 4), Of(8, 30), Of(100, 101), Of(200, 201), Of(300, 301), Of(400, 410)];

        Assert.Equal(
        [
            [Of(0, 4), Of(8, 14)],
            [Of(14, 24)],
            [Of(24, 30), Of(100, 101), Of(200, 201), Of(300, 301), Of(400, 401)],
            [Of(401, 410)],
        ], All(places, room: 10, clustersMax: 3));
    }

    [Fact]
    public void A_batch_has_no_more_clusters_than_may_be_asked_about_at_once()
    {
        var places = Every(1 << 20, 5);

        var batches = All(places, room: 4 << 20, clustersMax: 2);

        Assert.Equal([2, 2, 1], batches.Select(b => b.Count));
        Assert.Equal(Every(1 << 20, 5), batches.SelectMany(b => b));
    }

    [Fact]
    public void Near_places_share_a_question_until_it_is_as_long_as_a_window()
    {
        var places = Every(64 << 10, 256); // over 16 MiB

        Assert.Equal(4, PullArea.Clusters(places).Count);
        Assert.All(PullArea.Clusters(places), c => Assert.InRange(c.Length, 4096, DiskWindow.LengthMax));
        Assert.Equal(3 * 64, All(places, room: 4 << 20, clustersMax: 3)[0].Count);
    }

    [Fact]
    public void Without_places_a_batch_is_empty()
    {
        var next = 0;

        Assert.Empty(PullArea.Batch([], ref next, room: 10, clustersMax: 3));
        Assert.Equal(0, next);
    }

    private static PullArea Of(long start, long end) => new(start, end, false);

    private static List<PullArea> Every(long bytes, int count) =>
        [.. Enumerable.Range(0, count).Select(i => Of(i * bytes, i * bytes + 4096))];

    private static List<List<PullArea>> All(IEnumerable<PullArea> places, int room, int clustersMax)
    {
        var (left, batches) = (places.ToList(), new List<List<PullArea>>());
        for (var next = 0; next < left.Count;)
            batches.Add(PullArea.Batch(left, ref next, room, clustersMax));
        return batches;
    }
}
