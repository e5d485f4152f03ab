// SPDX-License-Identifier: Apache-2.0
using System.Buffers.Binary;
using Lifeboat.Journaling.Records;
using Lifeboat.Journaling.Storage;

namespace Lifeboat.Journaling.Segments;

// The file "durable": the last sequence that a flush made durable. Only a flipped bit can take back what was flushed,
// while what was not may be torn: this tells one from the other at opening.
//
// Invariant
//   Written after the flush and never flushed itself: whatever survives of it is true, it may only be too low.
internal sealed class DurableMark(IStorageFile file) : IAsyncDisposable
{
    public const string Name = "durable";

    private const ulong Magic = 0x314B524D4A424C00; // "\0LBJMRK1"
    private const int Length = 24;
    private const int ChecksumAt = 20;

    private readonly byte[] _bytes = new byte[Length];

    public static async ValueTask<DurableMark> OpenAsync(IStorage storage, CancellationToken ct) =>
        new(await storage.OpenAsync(Name, create: true, ct));

    /// <returns>0: there is none, or none to trust.</returns>
    public async ValueTask<long> ReadAsync(CancellationToken ct)
    {
        var bytes = new byte[Length];
        return await file.ReadAsync(0, bytes, ct) == Length
            && BinaryPrimitives.ReadUInt64LittleEndian(bytes) == Magic
            && BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(ChecksumAt)) == Checksum(bytes)
            ? BinaryPrimitives.ReadInt64LittleEndian(bytes.AsSpan(8))
            : 0;
    }

    /// <summary>Says so when it can: without it a later flip may pass for a torn end, and nothing worse.</summary>
    public async ValueTask WriteAsync(long sequence, CancellationToken ct)
    {
        BinaryPrimitives.WriteUInt64LittleEndian(_bytes, Magic);
        BinaryPrimitives.WriteInt64LittleEndian(_bytes.AsSpan(8), sequence);
        BinaryPrimitives.WriteUInt32LittleEndian(_bytes.AsSpan(ChecksumAt), Checksum(_bytes));
        try
        {
            await file.WriteAsync(0, _bytes, ct);
        }
        catch (StorageException)
        {
            // The flush has succeeded, and that is what counts.
        }
    }

    public ValueTask DisposeAsync() => file.DisposeAsync();

    private static uint Checksum(ReadOnlySpan<byte> bytes) => Crc32C.Compute(bytes[..ChecksumAt]);
}
