// SPDX-License-Identifier: Apache-2.0
using System.Buffers.Binary;
using Lifeboat.Journaling.Records;
using Lifeboat.Journaling.Storage;

namespace Lifeboat.Journaling.Segments;

/// <summary>Records that are gone with all that told what they were.</summary>
/// <param name="Position">Byte in the segment file where they began.</param>
internal readonly record struct LostStretch(long First, long Last, long Position);

// Takes a segment apart that has neither an index nor all of its blocks.
//
// Invariants
//   Only what proves itself counts: a whole block with the segment's salt, and from the beginning of a damaged block
//   the records that follow one another whole. Nothing is looked for inside of what a guest has written.
//   Blocks stand in the order of their sequences: one that landed elsewhere in the file counts for nothing there.
internal static class SegmentSalvage
{
    private static ReadOnlySpan<byte> Magic => "LBJB"u8;

    /// <summary>Goes on behind what was scanned, up to this sequence at most.</summary>
    /// <returns>What is missing before the blocks that were found.</returns>
    public static async ValueTask<IReadOnlyList<LostStretch>> RunAsync(
        Segment segment, long last, CancellationToken ct)
    {
        var start = segment.Tail;
        var rest = await ReadAsync(segment.File, start, ct);
        var lost = new List<LostStretch>();
        foreach (var (at, header) in InOrder(BlocksOf(rest, segment.Salt, segment.LastSequence + 2, last)))
        {
            var total = BlockCodec.HeaderLength + header.Length;
            var behind = TakeRecords(segment, rest.AsSpan(0, at), start, header.FirstSequence - 1);
            if (segment.LastSequence < header.FirstSequence - 1)
                lost.Add(Lose(segment, header.FirstSequence - 1, behind));
            var entries = new List<RecordEntry>();
            SegmentScan.ReadEntries(rest.AsSpan(at, total), header, start + at, entries);
            segment.Add(entries.ToArray(), start + at + total);
        }
        return lost;
    }

    /// <summary>The segment goes up to this sequence, and what it had from its end on is not there.</summary>
    public static LostStretch Lose(Segment segment, long last) =>
        Lose(segment, last, segment.Tail + BlockCodec.HeaderLength);

    private static LostStretch Lose(Segment segment, long last, long position)
    {
        var lost = new LostStretch(segment.LastSequence + 1, last, position);
        segment.AddLost(last, lost.Position);
        return lost;
    }

    /// <summary>The salt that most blocks of these sequences have; null: there is no whole one.</summary>
    public static async ValueTask<ulong?> FindSaltAsync(IStorageFile file, long first, CancellationToken ct)
    {
        var bytes = await ReadAsync(file, SegmentHeader.Length, ct);
        var found = new Dictionary<ulong, int>();
        for (var at = 0; Next(bytes, at, Magic, 0) is >= 0 and var next; at = next + 1)
        {
            if (bytes.Length - next < BlockCodec.HeaderLength) break;
            var salt = BinaryPrimitives.ReadUInt64LittleEndian(bytes.AsSpan(next + BlockCodec.SaltAt));
            if (IsBlock(bytes.AsSpan(next), salt, first, long.MaxValue, out _))
                found[salt] = found.GetValueOrDefault(salt) + 1;
        }
        return found.Count == 0 ? null : found.MaxBy(f => f.Value).Key;
    }

    // Of the damaged block that stands at the segment's end: whole records, as long as one follows the other.
    private static long TakeRecords(Segment segment, ReadOnlySpan<byte> rest, long start, long last)
    {
        var at = (int)(segment.Tail - start) + BlockCodec.HeaderLength;
        while (segment.LastSequence < last && at < rest.Length
            && RecordCodec.TryRead(rest[at..], out var header, out var length) == RecordReadOutcome.Read
            && header.Sequence == segment.LastSequence + 1)
        {
            segment.Add([RecordEntry.Of(header, checked((uint)(start + at)))], start + at + length);
            at += length;
        }
        return start + at;
    }

    private static List<(int At, BlockHeader Header)> BlocksOf(byte[] bytes, ulong salt, long first, long last)
    {
        var wanted = new byte[sizeof(ulong)];
        BinaryPrimitives.WriteUInt64LittleEndian(wanted, salt);
        var blocks = new List<(int, BlockHeader)>();
        for (var at = 0; Next(bytes, at, wanted, BlockCodec.SaltAt) is >= 0 and var next;)
        {
            at = next + 1;
            if (!IsBlock(bytes.AsSpan(next), salt, first, last, out var header)) continue;
            blocks.Add((next, header));
            at = next + BlockCodec.HeaderLength + header.Length;
        }
        return blocks;
    }

    private static bool IsBlock(ReadOnlySpan<byte> bytes, ulong salt, long first, long last, out BlockHeader header) =>
        BlockCodec.TryReadAny(bytes, salt, out header)
        && header.FirstSequence >= first && header.FirstSequence + header.Count - 1 <= last
        && header.Length <= bytes.Length - BlockCodec.HeaderLength && BlockCodec.IsIntact(bytes, header);

    // The longest row of blocks that come in order.
    private static List<(int At, BlockHeader Header)> InOrder(List<(int At, BlockHeader Header)> blocks)
    {
        var ends = new List<int>(); // of the best row of each length, the block that it ends with
        var before = new int[blocks.Count];
        for (var i = 0; i < blocks.Count; i++)
        {
            var first = blocks[i].Header.FirstSequence;
            int low = 0, high = ends.Count;
            while (low < high)
            {
                var middle = (low + high) >>> 1;
                if (blocks[ends[middle]].Header is var e && e.FirstSequence + e.Count <= first) low = middle + 1;
                else high = middle;
            }
            before[i] = low == 0 ? -1 : ends[low - 1];
            if (low == ends.Count) ends.Add(i);
            else if (blocks[i].Header is var h && blocks[ends[low]].Header is var old
                && h.FirstSequence + h.Count < old.FirstSequence + old.Count) ends[low] = i;
        }
        var row = new List<(int, BlockHeader)>();
        for (var i = ends.Count == 0 ? -1 : ends[^1]; i >= 0; i = before[i]) row.Add(blocks[i]);
        row.Reverse();
        return row;
    }

    private static int Next(byte[] bytes, int from, ReadOnlySpan<byte> wanted, int inside)
    {
        var found = from + inside < bytes.Length ? bytes.AsSpan(from + inside).IndexOf(wanted) : -1;
        return found < 0 ? -1 : from + found;
    }

    private static async ValueTask<byte[]> ReadAsync(IStorageFile file, long from, CancellationToken ct)
    {
        var bytes = new byte[Math.Max(0, await file.LengthAsync(ct) - from)];
        var count = await file.ReadAsync(from, bytes, ct);
        return count == bytes.Length ? bytes : bytes[..count];
    }
}
