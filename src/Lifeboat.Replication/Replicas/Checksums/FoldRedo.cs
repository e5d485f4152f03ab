// SPDX-License-Identifier: Apache-2.0
using System.Buffers.Binary;
using Lifeboat.Journaling.Records;
using Lifeboat.Journaling.Storage;

namespace Lifeboat.Replication.Replicas.Checksums;

// The file "fold.redo": the sums of the run that is being folded, durable before the base is touched. The bytes of the
// run are in the journal, so together they can do it again after a crash, whatever it left of image and table.
// It counts only while the manifest stands at its beginning; else it is of a run that is done.
internal static class FoldRedo
{
    public const string Name = "fold.redo";

    private const ulong Magic = 0x314F4452424C00; // "\0LBRDO1"
    private const int HeadBytes = 48;
    private const int ChecksumAt = 44;
    private const int ChangeBytes = 24;

    /// <summary>Its name must be durable before it is needed.</summary>
    /// <returns>False: it was not there.</returns>
    public static async ValueTask<bool> MakeAsync(IStorage storage, CancellationToken ct)
    {
        if (await storage.ExistsAsync(Name, ct)) return true;
        await (await storage.OpenAsync(Name, create: true, ct)).DisposeAsync();
        return false;
    }

    public static async ValueTask WriteAsync(
        IStorage storage, long from, long to, IReadOnlyList<SumChange> changes, CancellationToken ct)
    {
        var bytes = Encode(from, to, changes);
        await using var file = await storage.OpenAsync(Name, create: true, ct);
        await file.WriteAsync(0, bytes, ct);
        await file.FlushAsync(ct);
    }

    /// <returns>Null: nothing is to be done again from this sequence on.</returns>
    public static async ValueTask<(long To, IReadOnlyList<SumChange> Changes)?> TryReadAsync(
        IStorage storage, long from, CancellationToken ct)
    {
        if (!await storage.ExistsAsync(Name, ct)) return null;
        await using var file = await storage.OpenAsync(Name, create: false, ct);
        var bytes = new byte[await file.LengthAsync(ct)];
        var count = await file.ReadAsync(0, bytes, ct);
        return count < HeadBytes ? null : Decode(bytes.AsMemory(0, count), from);
    }

    private static byte[] Encode(long from, long to, IReadOnlyList<SumChange> changes)
    {
        var bytes = new byte[HeadBytes + changes.Sum(c => ChangeBytes + (c.Sectors?.Length ?? 0))];
        var at = HeadBytes;
        foreach (var change in changes)
        {
            var span = bytes.AsSpan(at);
            BinaryPrimitives.WriteUInt16LittleEndian(span, change.Volume);
            span[2] = change.Sectors is null ? (byte)1 : (byte)0;
            BinaryPrimitives.WriteInt64LittleEndian(span[8..], change.FirstSector);
            BinaryPrimitives.WriteInt64LittleEndian(span[16..], change.Count);
            change.Sectors?.CopyTo(span[ChangeBytes..]);
            at += ChangeBytes + (change.Sectors?.Length ?? 0);
        }
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, Magic);
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(8), from);
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(16), to);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(24), changes.Count);
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(28), bytes.Length - HeadBytes);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(40), Crc32C.Compute(bytes.AsSpan(HeadBytes)));
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(ChecksumAt), Crc32C.Compute(bytes.AsSpan(0, ChecksumAt)));
        return bytes;
    }

    private static (long To, IReadOnlyList<SumChange> Changes)? Decode(ReadOnlyMemory<byte> bytes, long from)
    {
        var head = bytes.Span[..HeadBytes];
        var length = BinaryPrimitives.ReadInt64LittleEndian(head[28..]);
        if (BinaryPrimitives.ReadUInt64LittleEndian(head) != Magic
            || BinaryPrimitives.ReadUInt32LittleEndian(head[ChecksumAt..]) != Crc32C.Compute(head[..ChecksumAt])
            || BinaryPrimitives.ReadInt64LittleEndian(head[8..]) != from || bytes.Length < HeadBytes + length
            || BinaryPrimitives.ReadUInt32LittleEndian(head[40..])
                != Crc32C.Compute(bytes.Span.Slice(HeadBytes, (int)length))) return null;
        var changes = new SumChange[BinaryPrimitives.ReadInt32LittleEndian(head[24..])];
        var at = HeadBytes;
        for (var i = 0; i < changes.Length; i++)
        {
            var span = bytes.Span[at..];
            var count = BinaryPrimitives.ReadInt64LittleEndian(span[16..]);
            var data = span[2] == 1 ? null : span.Slice(ChangeBytes, (int)count * SumSector.Bytes).ToArray();
            changes[i] = new SumChange(BinaryPrimitives.ReadUInt16LittleEndian(span),
                BinaryPrimitives.ReadInt64LittleEndian(span[8..]), count, data);
            at += ChangeBytes + (data?.Length ?? 0);
        }
        return (BinaryPrimitives.ReadInt64LittleEndian(head[16..]), changes);
    }
}
