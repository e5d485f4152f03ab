// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Journaling.Records;
using Lifeboat.Journaling.Segments;

namespace Lifeboat.Tests.Journaling;

public sealed class SegmentTests
{
    [Fact]
    public void A_snapshot_of_the_entries_stays_as_it_was_while_the_segment_grows()
    {
        var segment = new Segment(null!, new SegmentHeader(1, 0), recycled: false);
        var snapshots = new List<ArraySegment<RecordEntry>>();
        for (uint i = 0; i < 1000; i++)
        {
            segment.Add([new RecordEntry(i, 1, 0, i, 0, RecordKind.Zero, 0)], tail: i + 1);
            if (i % 100 == 0) snapshots.Add(segment.SnapshotEntries()!.Value);
        }
        segment.AddLost(1002, position: 7);
        var all = segment.SnapshotEntries()!.Value;
        segment.DropEntries();

        foreach (var snapshot in snapshots) Assert.Equal(all.Take(snapshot.Count), snapshot);
        Assert.Equal([1, 101, 201, 301, 401, 501, 601, 701, 801, 901], snapshots.Select(s => s.Count));
        Assert.Equal((1002, 1002L), (all.Count, segment.LastSequence));
        Assert.Equal([RecordKind.Zero, RecordKind.Lost, RecordKind.Lost], all.Skip(999).Select(e => e.Kind));
        Assert.Null(segment.SnapshotEntries());
    }
}
