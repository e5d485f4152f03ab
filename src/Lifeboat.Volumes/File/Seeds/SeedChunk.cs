// SPDX-License-Identifier: Apache-2.0
using System.Buffers.Binary;
using Lifeboat.Journaling.Records;

namespace Lifeboat.Volumes.Files.Seeds;

/// <summary>Head of a chunk in the file of a volume, 48 bytes; what is stored of it follows.</summary>
/// <param name="Offset">In the volume; a multiple of the length of a chunk.</param>
/// <param name="Packed">One Zstandard frame; else the bytes as they are.</param>
/// <param name="RawLength">Bytes of the volume.</param>
/// <param name="StoredLength">Bytes that follow the head.</param>
internal readonly record struct SeedChunk(long Offset, bool Packed, int RawLength, int StoredLength)
{
    public const int Bytes = 1 << 20;
    public const int HeadBytes = 48;
    public const int DigestBytes = 16;
    private const uint Magic = 0x4B48_4353; // "SCHK"
    private const int DigestAt = 24, CheckAt = 40;

    public void Encode(Span<byte> head, ReadOnlySpan<byte> digest)
    {
        head[..HeadBytes].Clear();
        BinaryPrimitives.WriteUInt32LittleEndian(head, Magic);
        BinaryPrimitives.WriteUInt16LittleEndian(head[4..], 1);
        BinaryPrimitives.WriteUInt16LittleEndian(head[6..], Packed ? (ushort)2 : (ushort)0);
        BinaryPrimitives.WriteInt64LittleEndian(head[8..], Offset);
        BinaryPrimitives.WriteInt32LittleEndian(head[16..], RawLength);
        BinaryPrimitives.WriteInt32LittleEndian(head[20..], StoredLength);
        digest[..DigestBytes].CopyTo(head[DigestAt..]);
        BinaryPrimitives.WriteUInt32LittleEndian(head[CheckAt..], Check(head));
    }

    /// <summary>False: it is not a head, or a damaged one.</summary>
    public static bool TryDecode(ReadOnlySpan<byte> head, out SeedChunk chunk)
    {
        chunk = new SeedChunk(BinaryPrimitives.ReadInt64LittleEndian(head[8..]),
            BinaryPrimitives.ReadUInt16LittleEndian(head[6..]) == 2, BinaryPrimitives.ReadInt32LittleEndian(head[16..]),
            BinaryPrimitives.ReadInt32LittleEndian(head[20..]));
        return BinaryPrimitives.ReadUInt32LittleEndian(head) == Magic
            && BinaryPrimitives.ReadUInt16LittleEndian(head[4..]) == 1
            && BinaryPrimitives.ReadUInt16LittleEndian(head[6..]) is 0 or 2
            && BinaryPrimitives.ReadUInt32LittleEndian(head[CheckAt..]) == Check(head)
            && chunk.Offset >= 0 && chunk.Offset % Bytes == 0
            && chunk.RawLength is > 0 and <= Bytes && chunk.StoredLength is > 0 and <= Bytes
            && (chunk.Packed || chunk.StoredLength == chunk.RawLength);
    }

    public static ReadOnlySpan<byte> DigestOf(ReadOnlySpan<byte> head) => head.Slice(DigestAt, DigestBytes);

    private static uint Check(ReadOnlySpan<byte> head) => ~Crc32C.Append(~0u, head[..CheckAt]);
}
