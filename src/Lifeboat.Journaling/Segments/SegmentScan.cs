// SPDX-License-Identifier: Apache-2.0
using System.Runtime.InteropServices;
using Lifeboat.Journaling.Records;
using Lifeboat.Journaling.Storage;
using Lifeboat.Protection;

namespace Lifeboat.Journaling.Segments;

/// <summary>
/// Reads a segment from its start to the first block that is not intact: where it ends after a crash.
/// </summary>
internal static class SegmentScan
{
    private const int WindowBytes = 256 << 10;

    /// <param name="limit">No sequence from here on belongs to the segment: the next one begins with it.</param>
    public static async ValueTask RunAsync(Segment segment, long limit, CancellationToken ct)
    {
        using var window = Scratch.Rent(WindowBytes);
        await RunAsync(segment, limit, window.Memory, ct);
    }

    private static async ValueTask RunAsync(Segment segment, long limit, Memory<byte> buffer, CancellationToken ct)
    {
        var entries = new List<RecordEntry>();
        while (segment.LastSequence + 1 < limit)
        {
            var count = await segment.File.ReadAsync(segment.Tail, buffer, ct);
            var used = 0;
            while (Next(buffer.Span[used..count], segment, out var header))
            {
                var total = BlockCodec.HeaderLength + header.Length;
                if (total > count - used) break;
                if (!BlockCodec.IsIntact(buffer.Span.Slice(used, total), header)) return;
                ReadEntries(buffer.Span.Slice(used, total), header, segment.Tail, entries);
                segment.Add(CollectionsMarshal.AsSpan(entries), segment.Tail + total);
                used += total;
            }
            if (used > 0) continue;
            if (!Next(buffer.Span[..count], segment, out var large)) return;
            var needed = BlockCodec.HeaderLength + large.Length;
            if (needed <= buffer.Length) return; // the file ends inside the block
            buffer = new byte[needed];
        }
    }

    /// <summary>
    /// Entries of the records of one block. The block was written by us whole, so contradictions are bugs.
    /// </summary>
    public static void ReadEntries(ReadOnlySpan<byte> block, in BlockHeader header, long position,
        List<RecordEntry> entries)
    {
        entries.Clear();
        var sequence = header.FirstSequence;
        for (var at = BlockCodec.HeaderLength; at < BlockCodec.HeaderLength + header.Length; sequence++)
        {
            var outcome = RecordCodec.TryReadHeader(block[at..], out var record);
            Invariant.Holds(outcome == RecordReadOutcome.Read && record.Sequence == sequence,
                "a block holds whole records of contiguous sequences");
            entries.Add(RecordEntry.Of(record, checked((uint)(position + at))));
            at += RecordCodec.SizeOf(record.DataLength);
        }
        Invariant.Holds(entries.Count == header.Count, "a block holds as many records as it says");
    }

    private static bool Next(ReadOnlySpan<byte> source, Segment segment, out BlockHeader header) =>
        BlockCodec.TryRead(source, segment.Salt, segment.LastSequence + 1, out header);
}
