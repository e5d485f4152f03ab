// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Journaling.Segments;

namespace Lifeboat.Journaling.Indexing;

/// <summary>
/// Where the records of segments begin, so that a byte can be read with the record, and the checksum, that it belongs
/// to. Kept for the segments used last, 4 bytes a record, within a bound. Any thread.
/// </summary>
internal sealed class RecordPlaces(Journal journal)
{
    private const int PositionsMax = 1 << 20;

    private readonly Lock _gate = new();
    private readonly LinkedList<SegmentPlaces> _used = new();
    private long _kept;

    public ValueTask<ArraySegment<RecordEntry>> EntriesAsync(Segment segment, CancellationToken ct) =>
        journal.EntriesOfAsync(segment, ct);

    /// <param name="position">Some byte of a record of the segment.</param>
    public async ValueTask<SegmentPlaces> OfAsync(Segment segment, long position, CancellationToken ct)
    {
        lock (_gate)
        {
            for (var node = _used.First; node is not null; node = node.Next)
            {
                if (node.Value.Segment != segment || position >= node.Value.Tail) continue;
                _used.Remove(node);
                _used.AddFirst(node);
                return node.Value;
            }
        }
        // Taken first: whatever the segment has by then is among the entries.
        var tail = segment.Tail;
        var entries = await journal.EntriesOfAsync(segment, ct);
        var positions = new uint[entries.Count];
        for (var i = 0; i < positions.Length; i++) positions[i] = entries[i].Position;
        var places = new SegmentPlaces(segment, positions, tail);
        lock (_gate)
        {
            _used.AddFirst(places);
            _kept += places.Positions.Length;
            while (_kept > PositionsMax && _used.Count > 1)
            {
                _kept -= _used.Last!.Value.Positions.Length;
                _used.RemoveLast();
            }
        }
        return places;
    }
}

/// <param name="Tail">Records that begin before it are all known.</param>
internal sealed record SegmentPlaces(Segment Segment, uint[] Positions, long Tail)
{
    /// <summary>The record that a byte is in.</summary>
    /// <param name="end">Nothing of it is from here on; a block's head may stand before.</param>
    public int Find(long position, out long start, out long end)
    {
        var index = Array.BinarySearch(Positions, checked((uint)position));
        if (index < 0) index = ~index - 1;
        start = Positions[index];
        end = index + 1 < Positions.Length ? Positions[index + 1] : Segment.Tail;
        return index;
    }
}
