// SPDX-License-Identifier: Apache-2.0
using System.Buffers.Binary;
using Lifeboat.Journaling.Records;

namespace Lifeboat.Journaling.Segments;

// Invariants of a block, the unit of one append:
//   It counts only whole: its checksum covers the head and every record.
//   Its salt is the segment's. Bytes left over from an earlier life of a recycled segment have another salt, and bytes
// of
//   guest data that look like a block cannot know it; so neither is ever taken for a block.
internal readonly record struct BlockHeader(int Length, ulong Salt, long FirstSequence, int Count);

/// <summary>32 bytes before the records of one append. Layout: docs/formats/journal.md.</summary>
internal static class BlockCodec
{
    public const int HeaderLength = 32;
    public const int LengthMax = 32 << 20;
    public const int SaltAt = 8;

    private const uint Magic = 0x424A424C; // "LBJB"
    private const int ChecksumAt = 28;

    /// <summary>Writes the head in front of records that stand at offset 32 already.</summary>
    public static void Seal(Span<byte> block, in BlockHeader header) =>
        Seal(block, header, Crc32C.Append(0, block.Slice(HeaderLength, header.Length)));

    /// <summary>As above, when the records have been run over.</summary>
    /// <param name="records"><see cref="Crc32C.Append"/> of them, begun with 0.</param>
    public static void Seal(Span<byte> block, in BlockHeader header, uint records)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(block, Magic);
        BinaryPrimitives.WriteInt32LittleEndian(block[4..], header.Length);
        BinaryPrimitives.WriteUInt64LittleEndian(block[SaltAt..], header.Salt);
        BinaryPrimitives.WriteInt64LittleEndian(block[16..], header.FirstSequence);
        BinaryPrimitives.WriteInt32LittleEndian(block[24..], header.Count);
        BinaryPrimitives.WriteUInt32LittleEndian(block[ChecksumAt..],
            ~Crc32C.Join(Crc32C.Append(~0u, block[..ChecksumAt]), records, header.Length));
    }

    /// <summary>Reads a head that belongs to this segment and continues the sequence; nothing is proved yet.</summary>
    public static bool TryRead(ReadOnlySpan<byte> source, ulong salt, long expected, out BlockHeader header) =>
        TryReadAny(source, salt, out header) && header.FirstSequence == expected;

    /// <summary>As above, whichever sequence it goes on with.</summary>
    public static bool TryReadAny(ReadOnlySpan<byte> source, ulong salt, out BlockHeader header)
    {
        header = default;
        if (source.Length < HeaderLength || BinaryPrimitives.ReadUInt32LittleEndian(source) != Magic) return false;
        header = new BlockHeader(
            BinaryPrimitives.ReadInt32LittleEndian(source[4..]),
            BinaryPrimitives.ReadUInt64LittleEndian(source[SaltAt..]),
            BinaryPrimitives.ReadInt64LittleEndian(source[16..]),
            BinaryPrimitives.ReadInt32LittleEndian(source[24..]));
        return header.Salt == salt && header.FirstSequence > 0 && header.Count > 0
            && header.Length is >= RecordCodec.HeaderLength and <= LengthMax;
    }

    public static bool IsIntact(ReadOnlySpan<byte> block, in BlockHeader header) =>
        BinaryPrimitives.ReadUInt32LittleEndian(block[ChecksumAt..]) == Checksum(block, header.Length);

    private static uint Checksum(ReadOnlySpan<byte> block, int length)
    {
        var register = Crc32C.Append(~0u, block[..ChecksumAt]);
        return ~Crc32C.Append(register, block.Slice(HeaderLength, length));
    }
}
