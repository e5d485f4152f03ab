// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Journaling.Records;
using Lifeboat.Journaling.Storage;

namespace Lifeboat.Journaling.Segments;

/// <param name="Next">Where to go on; past the last durable sequence: the end was reached.</param>
/// <param name="Bytes">What was read and verified.</param>
public readonly record struct JournalScrub(long Next, long Bytes);

public sealed partial class Journal
{
    private (Segment Segment, ArraySegment<RecordEntry> Entries, bool Stale)? _scrubbed;

    /// <summary>
    /// Reads and verifies blocks from the one that holds a sequence on: heads, records, indexes. What can be made again
    /// from the rest is; all that was found comes out of <see cref="TryTakeDamage"/>. Hold the journal meanwhile.
    /// </summary>
    /// <param name="budgetBytes">Stop after about this many bytes, or at the end of a segment.</param>
    public async ValueTask<JournalScrub> ScrubAsync(long sequence, long budgetBytes, CancellationToken ct)
    {
        var segments = _segments;
        if (Array.Find(segments, s => s.LastSequence >= sequence) is not { } segment)
            return new JournalScrub(long.MaxValue, 0);
        sequence = Math.Max(sequence, segment.FirstSequence);
        var last = segment == segments[^1] ? Math.Min(segment.LastSequence, DurableSequence) : segment.LastSequence;
        var sealed_ = segment != segments[^1];
        if (sequence == segment.FirstSequence) await CheckHeadAsync(segment, sealed_, ct);
        var entries = await ScrubbedEntriesAsync(segment, ct);
        var from = FirstOfBlock(entries, (int)(sequence - segment.FirstSequence));
        long bytes = 0;
        while (from <= last - segment.FirstSequence && bytes < budgetBytes)
        {
            var behind = from + 1;
            if (entries[from].Kind == RecordKind.Lost)
            {
                while (behind < entries.Count && entries[behind].Kind == RecordKind.Lost) behind++;
                _found.Enqueue(JournalDamage.OfStretch(segment, new LostStretch(
                    segment.FirstSequence + from, segment.FirstSequence + behind - 1, entries[from].Position)));
                from = behind;
                continue;
            }
            while (behind < entries.Count && !BeginsBlock(entries, behind)) behind++;
            bytes += await CheckBlockAsync(segment, entries.Slice(from, behind - from), from, sealed_, ct);
            from = behind;
        }
        if (from > last - segment.FirstSequence) _scrubbed = null;
        return new JournalScrub(segment.FirstSequence + from, bytes);
    }

    // A pass takes a segment in many steps, and its index may be as long as a step.
    private async ValueTask<ArraySegment<RecordEntry>> ScrubbedEntriesAsync(Segment segment, CancellationToken ct)
    {
        if (segment.SnapshotEntries() is { } held) return held;
        if (_scrubbed is { } known && known.Segment == segment && known.Stale == segment.TableIsStale
            && known.Entries.Count == segment.EntryCount) return known.Entries;
        var stale = segment.TableIsStale; // before, so that what is found now is not taken for known
        var entries = await EntriesOfAsync(segment, ct);
        _scrubbed = (segment, entries, stale);
        return entries;
    }

    private async ValueTask CheckHeadAsync(Segment segment, bool sealed_, CancellationToken ct)
    {
        var bytes = new byte[SegmentHeader.Length];
        var count = await segment.File.ReadAsync(0, bytes, ct);
        var header = new SegmentHeader(segment.FirstSequence, segment.Salt);
        if (!SegmentHeader.TryDecode(bytes.AsSpan(0, count), out var found) || found != header)
        {
            await segment.File.WriteAsync(0, header.Encode(), ct);
            if (sealed_) await segment.File.FlushAsync(ct);
            _found.Enqueue(JournalDamage.Mended(JournalPart.SegmentHead, segment, segment.Name, 0));
        }
        if (sealed_)
        {
            if (segment.SnapshotEntries() is not null
                || await SegmentIndexFile.IsWholeAsync(_storage, segment, ct)) return;
            await ScanAgainAsync(segment, ct);
            return;
        }
        if (segment.IndexedCount == 0
            || await SegmentIndexFile.TryReadPartAsync(_storage, segment, ct) is not null) return;
        segment.IndexedCount = 0;
        await IndexDurableAsync(ct);
        NoteIndex(segment);
    }

    private async ValueTask<long> CheckBlockAsync(Segment segment, ReadOnlyMemory<RecordEntry> entries, int from,
        bool sealed_, CancellationToken ct)
    {
        var at = entries.Span[0].Position - BlockCodec.HeaderLength;
        var length = (int)(entries.Span[^1].Position + entries.Span[^1].RecordLength - at);
        var first = segment.FirstSequence + from;
        var expected = new BlockHeader(length - BlockCodec.HeaderLength, segment.Salt, first, entries.Length);
        using var scratch = Scratch.Rent(length);
        var bytes = scratch.Memory;
        var count = await segment.File.ReadAsync(at, bytes, ct);
        bytes.Span[count..].Clear();
        if (BlockCodec.TryRead(bytes.Span, segment.Salt, first, out var header) && header == expected
            && BlockCodec.IsIntact(bytes.Span, header)) return length;
        if (NoteDamaged(segment, entries.Span, first, bytes.Span, at)) return length;
        // Every record is whole, so it is the head that is not.
        BlockCodec.Seal(bytes.Span, expected);
        await segment.File.WriteAsync(at, bytes[..BlockCodec.HeaderLength], ct);
        if (sealed_) await segment.File.FlushAsync(ct);
        _found.Enqueue(JournalDamage.Mended(JournalPart.BlockHead, segment, segment.Name, at));
        return length;
    }

    private bool NoteDamaged(Segment segment, ReadOnlySpan<RecordEntry> entries, long first, ReadOnlySpan<byte> block,
        long at)
    {
        var any = false;
        for (var i = 0; i < entries.Length; i++)
        {
            var entry = entries[i];
            var record = block.Slice((int)(entry.Position - at), entry.RecordLength);
            if (RecordCodec.TryRead(record, out var header, out _) == RecordReadOutcome.Read
                && header.Sequence == first + i && RecordEntry.Of(header, entry.Position) == entry) continue;
            _found.Enqueue(JournalDamage.OfRecord(segment, entry, first + i));
            any = true;
        }
        return any;
    }

    private static int FirstOfBlock(ArraySegment<RecordEntry> entries, int index)
    {
        while (index > 0 && !BeginsBlock(entries, index)) index--;
        return index;
    }

    private static bool BeginsBlock(ArraySegment<RecordEntry> entries, int index) =>
        index == 0 || entries[index].Kind == RecordKind.Lost || entries[index - 1].Kind == RecordKind.Lost
        || entries[index].Position != entries[index - 1].Position + entries[index - 1].RecordLength;
}
