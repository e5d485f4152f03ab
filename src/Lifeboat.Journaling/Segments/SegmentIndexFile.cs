// SPDX-License-Identifier: Apache-2.0
using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Lifeboat.Journaling.Records;
using Lifeboat.Journaling.Storage;

namespace Lifeboat.Journaling.Segments;

/// <summary>
/// The sidecar of a sealed segment: one 32-byte entry for each record, then the table of its extents. Only a shortcut:
/// what is missing or damaged is rebuilt from the segment. Never flushed, because its checksums tell.
/// </summary>
internal static class SegmentIndexFile
{
    private const ulong Magic = 0x315844494A424C00; // "\0LBJIDX1"
    private const int HeaderLength = 64;
    private const int ChecksumAt = 60;

    public static async ValueTask WriteAsync(IStorage storage, Segment segment, CancellationToken ct)
    {
        var entries = segment.SnapshotEntries()!;
        var table = MemoryMarshal.AsBytes<SegmentExtent>(SegmentExtent.TableOf(entries));
        var tableAt = HeaderLength + entries.Length * RecordEntry.Size;
        var bytes = new byte[tableAt + table.Length];
        Segment.BytesOf(entries).CopyTo(bytes.AsSpan(HeaderLength));
        table.CopyTo(bytes.AsSpan(tableAt));
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, Magic);
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(8), segment.FirstSequence);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(16), segment.Salt);
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(24), segment.Tail);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(32), entries.Length);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(36), table.Length / SegmentExtent.Size);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(40), Crc32C.Compute(table));
        var records = bytes.AsSpan(HeaderLength, tableAt - HeaderLength);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(56), Crc32C.Compute(records));
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(ChecksumAt), Crc32C.Compute(bytes.AsSpan(0, ChecksumAt)));
        await using var file = await storage.OpenAsync(SegmentName.IndexOf(segment.FirstSequence), create: true, ct);
        await file.WriteAsync(0, bytes, ct);
        await file.SetLengthAsync(bytes.Length, ct);
    }

    /// <summary>The end of the segment as its index says; null when there is no index to trust.</summary>
    public static async ValueTask<(int Count, long Tail)?> TryReadEndAsync(IStorage storage, Segment segment,
        CancellationToken ct)
    {
        await using var file = await TryOpenAsync(storage, segment, ct);
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
        await using var file = await TryOpenAsync(storage, segment, ct);
        if (file is null) return null;
        var bytes = new byte[TableAt(segment.EntryCount)];
        if (await file.ReadAsync(0, bytes, ct) != bytes.Length || !IsOf(segment, bytes)) return null;
        return BinaryPrimitives.ReadInt32LittleEndian(bytes.AsSpan(32)) == segment.EntryCount
            && BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(56)) == Crc32C.Compute(bytes.AsSpan(HeaderLength))
            ? MemoryMarshal.Cast<byte, RecordEntry>(bytes.AsSpan(HeaderLength)).ToArray()
            : null;
    }

    /// <summary>The table of the segment's extents; null when there is none to trust.</summary>
    public static async ValueTask<SegmentExtent[]?> TryReadTableAsync(IStorage storage, Segment segment,
        CancellationToken ct)
    {
        await using var file = await TryOpenAsync(storage, segment, ct);
        if (file is null) return null;
        var header = new byte[HeaderLength];
        if (await file.ReadAsync(0, header, ct) != HeaderLength || !IsOf(segment, header)) return null;
        var length = TableLength(header);
        if (length <= 0 || await file.LengthAsync(ct) != TableAt(segment.EntryCount) + length) return null;
        var bytes = new byte[length];
        return await file.ReadAsync(TableAt(segment.EntryCount), bytes, ct) == length
            && BinaryPrimitives.ReadUInt32LittleEndian(header.AsSpan(40)) == Crc32C.Compute(bytes)
            ? MemoryMarshal.Cast<byte, SegmentExtent>(bytes).ToArray()
            : null;
    }

    private static int TableAt(int entries) => HeaderLength + entries * RecordEntry.Size;

    private static long TableLength(ReadOnlySpan<byte> header) =>
        (long)BinaryPrimitives.ReadInt32LittleEndian(header[36..]) * SegmentExtent.Size;

    private static async ValueTask<IStorageFile?> TryOpenAsync(IStorage storage, Segment segment, CancellationToken ct)
    {
        var name = SegmentName.IndexOf(segment.FirstSequence);
        return await storage.ExistsAsync(name, ct) ? await storage.OpenAsync(name, create: false, ct) : null;
    }

    private static bool IsOf(Segment segment, ReadOnlySpan<byte> header) =>
        BinaryPrimitives.ReadUInt64LittleEndian(header) == Magic
        && BinaryPrimitives.ReadInt64LittleEndian(header[8..]) == segment.FirstSequence
        && BinaryPrimitives.ReadUInt64LittleEndian(header[16..]) == segment.Salt
        && BinaryPrimitives.ReadUInt32LittleEndian(header[ChecksumAt..]) == Crc32C.Compute(header[..ChecksumAt]);
}
