// SPDX-License-Identifier: Apache-2.0
using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Lifeboat.Journaling.Records;
using Lifeboat.Journaling.Storage;

namespace Lifeboat.Journaling.Segments;

/// <summary>
/// The sidecar of a sealed segment: one 32-byte entry for each record, then the table of its extents. Only a shortcut:
/// what is missing or damaged is rebuilt from the segment.
/// </summary>
internal static class SegmentIndexFile
{
    private const ulong Magic = 0x315844494A424C00; // "\0LBJIDX1"
    private const int HeaderLength = 64;
    private const int ChecksumAt = 60;

    public static async ValueTask WriteAsync(IStorage storage, Segment segment, CancellationToken ct)
    {
        var entries = segment.SnapshotEntries()!.Value;
        // Where some are lost the table depends on what the base has.
        var table = MemoryMarshal.AsBytes<SegmentExtent>(
            RecordEntry.AnyLost(entries) ? [] : SegmentExtent.TableOf(entries));
        var tableAt = HeaderLength + entries.Count * RecordEntry.Size;
        var bytes = new byte[tableAt + table.Length];
        Segment.BytesOf(entries).CopyTo(bytes.AsSpan(HeaderLength));
        table.CopyTo(bytes.AsSpan(tableAt));
        SealHead(bytes, segment, bytes.AsSpan(HeaderLength, tableAt - HeaderLength), segment.Tail, table);
        await using var file = await storage.OpenAsync(SegmentName.IndexOf(segment.FirstSequence), create: true, ct);
        await file.WriteAsync(0, bytes, ct);
        await file.SetLengthAsync(bytes.Length, ct);
        // With it a later flip in the segment costs one record, without it the segment.
        await file.FlushAsync(ct);
    }

    /// <summary>Of a segment that grows: adds the entries that the file has not got, then the head over all.</summary>
    public static async ValueTask WritePartAsync(IStorage storage, Segment segment, ReadOnlyMemory<RecordEntry> entries,
        long tail, CancellationToken ct)
    {
        var added = Segment.BytesOf(entries.Span[segment.IndexedCount..]).ToArray();
        var head = new byte[HeaderLength];
        SealHead(head, segment, Segment.BytesOf(entries.Span), tail, []);
        await using var file = await storage.OpenAsync(SegmentName.IndexOf(segment.FirstSequence), create: true, ct);
        await file.WriteAsync(HeaderLength + (long)segment.IndexedCount * RecordEntry.Size, added, ct);
        await file.WriteAsync(0, head, ct);
    }

    /// <summary>What an index knows, of all or of a part of its segment; null when it cannot be trusted.</summary>
    public static async ValueTask<(RecordEntry[] Entries, long Tail)?> TryReadPartAsync(IStorage storage,
        Segment segment, CancellationToken ct)
    {
        await using var file = await TryOpenAsync(storage, segment.FirstSequence, ct);
        if (file is null) return null;
        var bytes = new byte[await file.LengthAsync(ct)];
        if (bytes.Length < HeaderLength || await file.ReadAsync(0, bytes, ct) != bytes.Length
            || !IsOf(segment, bytes)) return null;
        var count = BinaryPrimitives.ReadInt32LittleEndian(bytes.AsSpan(32));
        if (count < 0 || HeaderLength + (long)count * RecordEntry.Size > bytes.Length) return null;
        var entries = bytes.AsSpan(HeaderLength, count * RecordEntry.Size);
        return BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(56)) == Crc32C.Compute(entries)
            ? (MemoryMarshal.Cast<byte, RecordEntry>(entries).ToArray(),
                BinaryPrimitives.ReadInt64LittleEndian(bytes.AsSpan(24)))
            : null;
    }

    /// <summary>Whether the index of a complete segment is all there, its extents too if it has any.</summary>
    public static async ValueTask<bool> IsWholeAsync(IStorage storage, Segment segment, CancellationToken ct)
    {
        await using var file = await TryOpenAsync(storage, segment.FirstSequence, ct);
        if (file is null) return false;
        var bytes = new byte[await file.LengthAsync(ct)];
        var at = TableAt(segment.EntryCount);
        if (bytes.Length < at || await file.ReadAsync(0, bytes, ct) != bytes.Length || !IsOf(segment, bytes))
            return false;
        var table = bytes.AsSpan(at);
        return BinaryPrimitives.ReadInt32LittleEndian(bytes.AsSpan(32)) == segment.EntryCount
            && TableLength(bytes) == table.Length
            && BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(56))
                == Crc32C.Compute(bytes.AsSpan(HeaderLength, at - HeaderLength))
            && (table.IsEmpty || BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(40)) == Crc32C.Compute(table));
    }

    /// <summary>Whether there is one, good or not.</summary>
    public static async ValueTask<bool> IsThereAsync(IStorage storage, Segment segment, CancellationToken ct)
    {
        await using var file = await TryOpenAsync(storage, segment.FirstSequence, ct);
        return file is not null && await file.LengthAsync(ct) > 0;
    }

    /// <summary>The salt of a segment whose own head is damaged.</summary>
    public static async ValueTask<ulong?> TryReadSaltAsync(IStorage storage, long first, CancellationToken ct)
    {
        await using var file = await TryOpenAsync(storage, first, ct);
        if (file is null) return null;
        var head = new byte[HeaderLength];
        if (await file.ReadAsync(0, head, ct) != HeaderLength) return null;
        var salt = BinaryPrimitives.ReadUInt64LittleEndian(head.AsSpan(16));
        return IsOf(first, salt, head) ? salt : null;
    }

    /// <summary>The end of the segment as its index says; null when there is no index to trust.</summary>
    public static async ValueTask<(int Count, long Tail)?> TryReadEndAsync(IStorage storage, Segment segment,
        CancellationToken ct)
    {
        await using var file = await TryOpenAsync(storage, segment.FirstSequence, ct);
        if (file is null) return null;
        var header = new byte[HeaderLength];
        if (await file.ReadAsync(0, header, ct) != HeaderLength || !IsOf(segment, header)) return null;
        var count = BinaryPrimitives.ReadInt32LittleEndian(header.AsSpan(32));
        return await file.LengthAsync(ct) == TableAt(count) + TableLength(header)
            ? (count, BinaryPrimitives.ReadInt64LittleEndian(header.AsSpan(24)))
            : null;
    }

    public static async ValueTask<RecordEntry[]?> TryReadAsync(IStorage storage, Segment segment, CancellationToken ct)
    {
        await using var file = await TryOpenAsync(storage, segment.FirstSequence, ct);
        if (file is null) return null;
        using var scratch = Scratch.Rent(TableAt(segment.EntryCount));
        var bytes = scratch.Memory;
        if (await file.ReadAsync(0, bytes, ct) != bytes.Length || !IsOf(segment, bytes.Span)) return null;
        var entries = bytes.Span[HeaderLength..];
        return BinaryPrimitives.ReadInt32LittleEndian(bytes.Span[32..]) == segment.EntryCount
            && BinaryPrimitives.ReadUInt32LittleEndian(bytes.Span[56..]) == Crc32C.Compute(entries)
            ? MemoryMarshal.Cast<byte, RecordEntry>(entries).ToArray()
            : null;
    }

    /// <summary>The table of the segment's extents; null when there is none to trust.</summary>
    public static async ValueTask<SegmentExtent[]?> TryReadTableAsync(IStorage storage, Segment segment,
        CancellationToken ct)
    {
        await using var file = await TryOpenAsync(storage, segment.FirstSequence, ct);
        if (file is null) return null;
        var header = new byte[HeaderLength];
        if (await file.ReadAsync(0, header, ct) != HeaderLength || !IsOf(segment, header)) return null;
        var length = TableLength(header);
        if (length <= 0 || await file.LengthAsync(ct) != TableAt(segment.EntryCount) + length) return null;
        using var scratch = Scratch.Rent((int)length);
        var bytes = scratch.Memory;
        return await file.ReadAsync(TableAt(segment.EntryCount), bytes, ct) == length
            && BinaryPrimitives.ReadUInt32LittleEndian(header.AsSpan(40)) == Crc32C.Compute(bytes.Span)
            ? MemoryMarshal.Cast<byte, SegmentExtent>(bytes.Span).ToArray()
            : null;
    }

    private static int TableAt(int entries) => HeaderLength + entries * RecordEntry.Size;

    private static long TableLength(ReadOnlySpan<byte> header) =>
        (long)BinaryPrimitives.ReadInt32LittleEndian(header[36..]) * SegmentExtent.Size;

    private static void SealHead(
        Span<byte> head, Segment segment, ReadOnlySpan<byte> entries, long tail, ReadOnlySpan<byte> table)
    {
        BinaryPrimitives.WriteUInt64LittleEndian(head, Magic);
        BinaryPrimitives.WriteInt64LittleEndian(head[8..], segment.FirstSequence);
        BinaryPrimitives.WriteUInt64LittleEndian(head[16..], segment.Salt);
        BinaryPrimitives.WriteInt64LittleEndian(head[24..], tail);
        BinaryPrimitives.WriteInt32LittleEndian(head[32..], entries.Length / RecordEntry.Size);
        BinaryPrimitives.WriteInt32LittleEndian(head[36..], table.Length / SegmentExtent.Size);
        BinaryPrimitives.WriteUInt32LittleEndian(head[40..], table.IsEmpty ? 0 : Crc32C.Compute(table));
        BinaryPrimitives.WriteUInt32LittleEndian(head[56..], Crc32C.Compute(entries));
        BinaryPrimitives.WriteUInt32LittleEndian(head[ChecksumAt..], Crc32C.Compute(head[..ChecksumAt]));
    }

    private static async ValueTask<IStorageFile?> TryOpenAsync(IStorage storage, long first, CancellationToken ct)
    {
        var name = SegmentName.IndexOf(first);
        return await storage.ExistsAsync(name, ct) ? await storage.OpenAsync(name, create: false, ct) : null;
    }

    private static bool IsOf(Segment segment, ReadOnlySpan<byte> head) =>
        IsOf(segment.FirstSequence, segment.Salt, head);

    private static bool IsOf(long first, ulong salt, ReadOnlySpan<byte> head) =>
        BinaryPrimitives.ReadUInt64LittleEndian(head) == Magic
        && BinaryPrimitives.ReadInt64LittleEndian(head[8..]) == first
        && BinaryPrimitives.ReadUInt64LittleEndian(head[16..]) == salt
        && BinaryPrimitives.ReadUInt32LittleEndian(head[ChecksumAt..]) == Crc32C.Compute(head[..ChecksumAt]);
}
