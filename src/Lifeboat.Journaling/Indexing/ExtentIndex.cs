// SPDX-License-Identifier: Apache-2.0
using System.Buffers;
using System.Collections.Concurrent;
using Lifeboat.Journaling.Records;
using Lifeboat.Journaling.Segments;

namespace Lifeboat.Journaling.Indexing;

// Opening reads the sorted table of each segment, 16 bytes for each extent, and sorts nothing. A short range is looked
// up in the tables, newest first, when its part of the volume is first looked at; at the second look the part is put
// together from all tables, since whoever reads on will want the rest. It is forgotten when too many are remembered.
//
// Invariants
//   Tables are in the order of their segments: a later one counts where they overlap.
//   What is remembered is only a copy: tables alone say what is where.
/// <summary>
/// Where every byte of the volumes is at one sequence: in a record of the journal, zero, or (unknown here) in the base.
/// Read by any number of threads. Hold the journal from the beginning of the range while it is in use.
/// </summary>
public sealed class ExtentIndex
{
    private const int SegmentShift = 32;
    private const int PartShift = 22;
    private const long PartBytes = 1L << PartShift;
    private const int RememberedMin = 8 << 10;
    private const int ShortBytes = 64 << 10;

    // Longer records are kept for a while, because they are read piece by piece.
    private const int KeptBytesMin = 32 << 10;

    private readonly List<(Segment Segment, SegmentExtent[] Table)> _tables = [];
    private readonly IReadOnlyDictionary<ushort, long> _sizes;
    private readonly ConcurrentDictionary<(ushort Volume, long Part), Extent[]> _parts = [];
    private readonly long[] _lookedAt = new long[1024]; // parts, by a hash; a race costs one more look
    private long _extents;
    private readonly RecordPlaces _places;
    private readonly VerifiedRecord?[] _kept = new VerifiedRecord?[4];
    private int _remembered, _nextKept;

    private ExtentIndex(IReadOnlyDictionary<ushort, long> sizes, Journal journal)
    {
        _sizes = sizes;
        _places = new RecordPlaces(journal);
    }

    /// <summary>Bytes of memory that tables and remembered parts take, but for object heads.</summary>
    public long MemoryBytes => _extents * SegmentExtent.Size + Volatile.Read(ref _remembered) * 24L;

    /// <param name="sizes">Bytes of each volume.</param>
    /// <param name="fromExclusive">The base stands at this sequence, or at a later one up to the one to open. Records
    /// before it that share a segment with later ones may be named too: the base has the same bytes there.</param>
    /// <param name="toInclusive">The sequence to open.</param>
    /// <exception cref="JournalException">SequenceUnknown: the range is not all in the journal.</exception>
    public static async Task<ExtentIndex> BuildAsync(Journal journal, IReadOnlyDictionary<ushort, long> sizes,
        long fromExclusive, long toInclusive, CancellationToken ct)
    {
        if (toInclusive > fromExclusive
            && (fromExclusive + 1 < journal.FirstSequence || toInclusive > journal.LastSequence))
            throw new JournalException(JournalFault.SequenceUnknown,
                $"records {fromExclusive + 1} to {toInclusive} are not all in the journal");
        var index = new ExtentIndex(sizes, journal);
        var segments = journal.Segments;
        for (var i = 0; i < segments.Count; i++)
        {
            var segment = segments[i];
            if (segment.FirstSequence > toInclusive || segment.LastSequence <= fromExclusive) continue;
            // The last one still grows; of the one that the sequence lies in, later records do not count.
            var whole = i < segments.Count - 1 && segment.LastSequence <= toInclusive;
            index.Add(segment, whole
                ? await journal.TableOfAsync(segment, fromExclusive, ct)
                : SegmentExtent.TableOf(
                    segment.Named(await journal.EntriesOfAsync(segment, ct), fromExclusive, toInclusive)));
        }
        return index;
    }

    /// <summary>
    /// Adds the extents of a range in order; pass those with a source of 0 or more to <see cref="ReadAsync"/>.
    /// </summary>
    public void Find(ushort volume, long offset, long length, List<Extent> into)
    {
        if (!_sizes.ContainsKey(volume)) throw new KeyNotFoundException($"volume {volume}");
        for (var end = offset + length; offset < end;)
        {
            var part = offset >> PartShift;
            var to = Math.Min((part + 1) << PartShift, end);
            foreach (var extent in ExtentsOf(volume, part, offset, to))
            {
                if (extent.End <= offset) continue;
                if (extent.Offset >= to) break;
                ExtentMap.Add(into, offset, extent.Offset, Extent.Unknown);
                var start = Math.Max(extent.Offset, offset);
                var stop = Math.Min(extent.End, to);
                ExtentMap.Add(into, start, stop,
                    extent.Source < 0 ? extent.Source : extent.Source + (start - extent.Offset));
                offset = stop;
            }
            ExtentMap.Add(into, offset, to, Extent.Unknown);
            offset = to;
        }
    }

    /// <summary>
    /// Fills the buffer from the journal, beginning at a source that the index gave for this place. The whole record is
    /// read and verified: bytes that nobody vouches for are never given.
    /// </summary>
    /// <exception cref="JournalException">RecordDamaged.</exception>
    public async ValueTask ReadAsync(ushort volume, long offset, long source, Memory<byte> buffer, CancellationToken ct)
    {
        foreach (var kept in _kept)
            if (kept is not null && kept.TryCopy(source, buffer.Span)) return;
        var segment = _tables[(int)(source >> SegmentShift)].Segment;
        var position = source & uint.MaxValue;
        var places = await _places.OfAsync(segment, position, ct);
        var index = places.Find(position, out var start, out var end);
        var length = (int)Math.Min(end - start, RecordCodec.SizeOf(RecordCodec.DataLengthMax));
        var keep = length >= KeptBytesMin && length > 2 * buffer.Length;
        var bytes = keep ? new byte[length] : ArrayPool<byte>.Shared.Rent(length);
        try
        {
            var count = await segment.File.ReadAsync(start, bytes.AsMemory(0, length), ct);
            var sequence = segment.FirstSequence + index;
            var inside = (int)(position - start);
            if (RecordCodec.TryRead(bytes.AsSpan(0, count), out var header, out var total) != RecordReadOutcome.Read
                || header.Sequence != sequence || header.Kind != RecordKind.Write || header.Volume != volume
                || header.Offset + inside - RecordCodec.HeaderLength != offset || inside + buffer.Length > total)
                throw await DamageAsync(segment, sequence, ct);
            bytes.AsSpan(inside, buffer.Length).CopyTo(buffer.Span);
            if (keep) Keep(new VerifiedRecord(source - inside, bytes.AsMemory(0, total)));
        }
        finally
        {
            if (!keep) ArrayPool<byte>.Shared.Return(bytes);
        }
    }

    private void Keep(VerifiedRecord record) =>
        Volatile.Write(ref _kept[(uint)Interlocked.Increment(ref _nextKept) % _kept.Length], record);

    private async ValueTask<JournalException> DamageAsync(Segment segment, long sequence, CancellationToken ct)
    {
        var entries = await _places.EntriesAsync(segment, ct);
        return JournalException.Of(
            JournalDamage.OfRecord(segment, entries[(int)(sequence - segment.FirstSequence)], sequence));
    }

    private void Add(Segment segment, SegmentExtent[] table)
    {
        _tables.Add((segment, table));
        _extents += table.Length;
    }

    // All extents of the part, or at least those between the two offsets, in order.
    private Extent[] ExtentsOf(ushort volume, long part, long from, long to)
    {
        if (_parts.TryGetValue((volume, part), out var known)) return known;
        var name = (long)volume << 48 | part + 1;
        ref var slot = ref _lookedAt[(int)((ulong)name * 0x9E3779B97F4A7C15 >> 54)];
        if (to - from <= ShortBytes && Interlocked.Exchange(ref slot, name) != name) return Search(volume, from, to);
        var made = MakePart(volume, part << PartShift);
        if (Interlocked.Add(ref _remembered, made.Length + 1) > Math.Max(RememberedMin, _extents / 64))
        {
            // Rare, and what is in use comes back at once: no need to know what was used last.
            _parts.Clear();
            Volatile.Write(ref _remembered, made.Length + 1);
        }
        _parts[(volume, part)] = made;
        return made;
    }

    private Extent[] Search(ushort volume, long from, long to)
    {
        var found = new List<Extent>();
        var missing = new List<(long From, long To)> { (from, to) };
        for (var i = _tables.Count - 1; i >= 0 && missing.Count > 0; i--)
        {
            var table = _tables[i].Table;
            for (var m = 0; m < missing.Count; m++)
            {
                var (start, end) = missing[m];
                var at = FirstEndingAfter(table, volume, start);
                if (at == table.Length || table[at].Volume != volume || table[at].Offset >= end) continue;
                var covered = table[at];
                var (coveredFrom, coveredTo) = (Math.Max(covered.Offset, start), Math.Min(covered.End, end));
                found.Add(new Extent(coveredFrom, coveredTo - coveredFrom, SourceOf(i, covered, coveredFrom)));
                missing.RemoveAt(m--);
                if (coveredTo < end) missing.Insert(m + 1, (coveredTo, end));
                if (start < coveredFrom) missing.Insert(m + 1, (start, coveredFrom));
            }
        }
        found.Sort(static (a, b) => a.Offset.CompareTo(b.Offset));
        return [.. found];
    }

    private static long SourceOf(int table, SegmentExtent extent, long offset) =>
        extent.Position == SegmentExtent.Zeroes
            ? Extent.Zeroes
            : (long)table << SegmentShift | extent.Position + (offset - extent.Offset);

    private Extent[] MakePart(ushort volume, long start)
    {
        var map = new ExtentMap(PartBytes);
        for (var i = 0; i < _tables.Count; i++)
        {
            var table = _tables[i].Table;
            for (var at = FirstEndingAfter(table, volume, start); at < table.Length; at++)
            {
                var extent = table[at];
                if (extent.Volume != volume || extent.Offset >= start + PartBytes) break;
                var from = Math.Max(extent.Offset, start);
                var to = Math.Min(extent.End, start + PartBytes);
                map.Set(from - start, to - from, SourceOf(i, extent, from));
            }
        }
        return [.. map.All().Select(e => e with { Offset = e.Offset + start })];
    }

    private static int FirstEndingAfter(SegmentExtent[] table, ushort volume, long offset)
    {
        var key = SegmentExtent.KeyOf(volume, offset);
        int low = 0, high = table.Length;
        while (low < high)
        {
            var middle = (low + high) >>> 1;
            if (table[middle].Key < key) low = middle + 1;
            else high = middle;
        }
        var reachesIn = low > 0 && table[low - 1].Volume == volume && table[low - 1].End > offset;
        return reachesIn ? low - 1 : low;
    }

    private sealed record VerifiedRecord(long Source, ReadOnlyMemory<byte> Bytes)
    {
        public bool TryCopy(long source, Span<byte> into)
        {
            var at = source - Source;
            if (at < 0 || at + into.Length > Bytes.Length) return false;
            Bytes.Span.Slice((int)at, into.Length).CopyTo(into);
            return true;
        }
    }
}
