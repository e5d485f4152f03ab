// SPDX-License-Identifier: Apache-2.0
using System.Buffers;
using Lifeboat.Journaling.Records;

namespace Lifeboat.Journaling.Segments;

/// <param name="Next">Where to go on; past the last durable sequence: the end was reached.</param>
/// <param name="Bytes">What was read and verified.</param>
public readonly record struct JournalScrub(long Next, long Bytes);

public sealed partial class Journal
{
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
        var entries = await EntriesOfAsync(segment, ct);
        var from = FirstOfBlock(entries, (int)(sequence - segment.FirstSequence));
        long bytes = 0;
        while (from <= last - segment.FirstSequence && bytes < budgetBytes)
        {
            var behind = from + 1;
            if (entries[from].Kind == RecordKind.Lost)
            {
                while (behind < entries.Length && entries[behind].Kind == RecordKind.Lost) behind++;
                _found.Enqueue(JournalDamage.OfStretch(segment, new LostStretch(
                    segment.FirstSequence + from, segment.FirstSequence + behind - 1, entries[from].Position)));
                from = behind;
                continue;
            }
            while (behind < entries.Length && !BeginsBlock(entries, behind)) behind++;
            bytes += await CheckBlockAsync(segment, entries.AsMemory(from, behind - from), from, sealed_, ct);
            from = behind;
        }
        return new JournalScrub(segment.FirstSequence + from, bytes);
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
        var bytes = ArrayPool<byte>.Shared.Rent(length);
        try
        {
            var count = await segment.File.ReadAsync(at, bytes.AsMemory(0, length), ct);
            bytes.AsSpan(count, length - count).Clear();
            if (BlockCodec.TryRead(bytes.AsSpan(0, length), segment.Salt, first, out var header) && header == expected
                && BlockCodec.IsIntact(bytes.AsSpan(0, length), header)) return length;
            if (NoteDamaged(segment, entries.Span, first, bytes.AsSpan(0, length), at)) return length;
            // Every record is whole, so it is the head that is not.
            BlockCodec.Seal(bytes.AsSpan(0, length), expected);
            await segment.File.WriteAsync(at, bytes.AsMemory(0, BlockCodec.HeaderLength), ct);
            if (sealed_) await segment.File.FlushAsync(ct);
            _found.Enqueue(JournalDamage.Mended(JournalPart.BlockHead, segment, segment.Name, at));
            return length;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(bytes);
        }
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

    private static int FirstOfBlock(RecordEntry[] entries, int index)
    {
        while (index > 0 && !BeginsBlock(entries, index)) index--;
        return index;
    }

    private static bool BeginsBlock(RecordEntry[] entries, int index) =>
        index == 0 || entries[index].Kind == RecordKind.Lost || entries[index - 1].Kind == RecordKind.Lost
        || entries[index].Position != entries[index - 1].Position + entries[index - 1].RecordLength;
}
