// SPDX-License-Identifier: Apache-2.0
using System.Buffers.Binary;
using Lifeboat.Journaling.Records;
using Lifeboat.Journaling.Storage;

namespace Lifeboat.Journaling.Sealing;

/// <summary>
/// What a sealed file begins with, twice, each in a page of its own: so that neither a flipped bit nor a lost sector
/// takes the file with it. Not secret. Layout: docs/formats/sealing.md.
/// </summary>
internal readonly record struct SealedFileHead(Guid Key, byte[] Salt)
{
    public const int Bytes = 2 * Copy;
    public const int SaltBytes = 32;

    private const ulong Magic = 0x314C41455342_4C00; // "\0LBSEAL1"
    private const int Copy = 4096;
    private const int KeyAt = 16, SaltAt = 32, ChecksumAt = 64;

    /// <returns>Null: there is none to trust. Else where a copy was that had to be made again.</returns>
    public static async ValueTask<(SealedFileHead Head, long? Mended)?> ReadAsync(
        IStorageFile file, CancellationToken ct)
    {
        var first = await TryReadAsync(file, 0, ct);
        var second = await TryReadAsync(file, Copy, ct);
        if ((first ?? second) is not { } head) return null;
        if (first is not null && second is not null) return (head, null);
        var at = first is null ? 0 : Copy;
        await file.WriteAsync(at, head.Encode().AsMemory(0, Copy), ct);
        return (head, at);
    }

    /// <summary>Durable with the file's next flush.</summary>
    public ValueTask WriteAsync(IStorageFile file, CancellationToken ct) => file.WriteAsync(0, Encode(), ct);

    private static async ValueTask<SealedFileHead?> TryReadAsync(IStorageFile file, long at, CancellationToken ct)
    {
        var bytes = new byte[ChecksumAt + sizeof(uint)];
        try
        {
            if (await file.ReadAsync(at, bytes, ct) < bytes.Length) return null;
        }
        catch (StorageException e) when (e.Fault == StorageFault.Unreadable)
        {
            return null;
        }
        if (BinaryPrimitives.ReadUInt64LittleEndian(bytes) != Magic
            || BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(8)) != 1
            || BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(ChecksumAt))
                != Crc32C.Compute(bytes.AsSpan(0, ChecksumAt))) return null;
        return new SealedFileHead(new Guid(bytes.AsSpan(KeyAt, 16), bigEndian: true), bytes[SaltAt..ChecksumAt]);
    }

    private byte[] Encode()
    {
        var bytes = new byte[Bytes];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, Magic);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(8), 1);
        Key.TryWriteBytes(bytes.AsSpan(KeyAt), bigEndian: true, out _);
        Salt.CopyTo(bytes, SaltAt);
        BinaryPrimitives.WriteUInt32LittleEndian(
            bytes.AsSpan(ChecksumAt), Crc32C.Compute(bytes.AsSpan(0, ChecksumAt)));
        bytes.AsSpan(0, Copy).CopyTo(bytes.AsSpan(Copy));
        return bytes;
    }
}
