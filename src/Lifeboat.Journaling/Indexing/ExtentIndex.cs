// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Journaling.Records;
using Lifeboat.Journaling.Segments;

namespace Lifeboat.Journaling.Indexing;

/// <summary>
/// Where every byte of the volumes is at one sequence: in a record of the journal, zero, or (unknown here) in the base.
/// Built once, then read by any number of threads. Hold the journal from the beginning of the range while it is in use.
/// </summary>
public sealed class ExtentIndex
{
    private const int SegmentShift = 32;

    private readonly List<Segment> _segments = [];
    private readonly Dictionary<ushort, ExtentMap> _maps;

    private ExtentIndex(Dictionary<ushort, ExtentMap> maps) => _maps = maps;

    /// <param name="sizes">Bytes of each volume.</param>
    /// <param name="fromExclusive">The base stands at this sequence.</param>
    /// <param name="toInclusive">The sequence to open.</param>
    /// <exception cref="JournalException">SequenceUnknown: the range is not all in the journal.</exception>
    public static async Task<ExtentIndex> BuildAsync(Journal journal, IReadOnlyDictionary<ushort, long> sizes,
        long fromExclusive, long toInclusive, CancellationToken ct)
    {
        var index = new ExtentIndex(sizes.ToDictionary(s => s.Key, s => new ExtentMap(s.Value)));
        if (toInclusive > fromExclusive
            && (fromExclusive + 1 < journal.FirstSequence || toInclusive > journal.LastSequence))
            throw new JournalException(JournalFault.SequenceUnknown,
                $"records {fromExclusive + 1} to {toInclusive} are not all in the journal");
        foreach (var segment in journal.Segments)
        {
            var from = Math.Max(segment.FirstSequence, fromExclusive + 1);
            var to = Math.Min(segment.LastSequence, toInclusive);
            if (from > to) continue;
            var entries = await journal.EntriesOfAsync(segment, ct);
            index.Take(segment, entries.AsSpan((int)(from - segment.FirstSequence), (int)(to - from + 1)));
        }
        foreach (var map in index._maps.Values) map.Compact();
        return index;
    }

    /// <summary>
    /// Adds the extents of a range in order; pass those with a source of 0 or more to <see cref="ReadAsync"/>.
    /// </summary>
    public void Find(ushort volume, long offset, long length, List<Extent> into) =>
        _maps[volume].Find(offset, length, into);

    /// <summary>Fills the buffer from the journal, beginning at a source that the index gave.</summary>
    public async ValueTask ReadAsync(long source, Memory<byte> buffer, CancellationToken ct)
    {
        var segment = _segments[(int)(source >> SegmentShift)];
        var count = await segment.File.ReadAsync(source & uint.MaxValue, buffer, ct);
        if (count != buffer.Length)
            throw new JournalException(JournalFault.Corrupt, $"segment {segment.Name} is shorter than its index says");
    }

    private void Take(Segment segment, ReadOnlySpan<RecordEntry> entries)
    {
        var source = (long)_segments.Count << SegmentShift;
        _segments.Add(segment);
        foreach (ref readonly var entry in entries)
        {
            if (entry.Kind == RecordKind.Write)
                _maps[entry.Volume].Set(entry.Offset, entry.Length, source | entry.DataPosition);
            else if (entry.Kind == RecordKind.Zero)
                _maps[entry.Volume].Set(entry.Offset, entry.Length, Extent.Zeroes);
        }
    }
}
