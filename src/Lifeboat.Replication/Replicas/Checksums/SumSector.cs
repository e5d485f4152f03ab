// SPDX-License-Identifier: Apache-2.0
using System.Buffers.Binary;
using Lifeboat.Journaling.Records;

namespace Lifeboat.Replication.Replicas.Checksums;

/// <summary>
/// 512 bytes of a table: the sums of 127 blocks and a check over them, the sector's number and the volume, so that a
/// flipped bit in the table is not blamed on a block. Zeroes are a sector of blocks of zeroes.
/// </summary>
internal static class SumSector
{
    public const int Bytes = 512;
    public const int Blocks = 127;
    /// <summary>Bytes of the image that a sector is about.</summary>
    public const long Covers = (long)Blocks * BlockSum.BlockBytes;

    private const int CheckAt = Blocks * sizeof(uint);

    public static uint Get(ReadOnlySpan<byte> sector, int index) =>
        BinaryPrimitives.ReadUInt32LittleEndian(sector[(index * sizeof(uint))..]);

    public static void Set(Span<byte> sector, int index, uint sum) =>
        BinaryPrimitives.WriteUInt32LittleEndian(sector[(index * sizeof(uint))..], sum);

    public static void Seal(Span<byte> sector, ushort volume, long number) =>
        BinaryPrimitives.WriteUInt32LittleEndian(sector[CheckAt..], Check(sector, volume, number));

    public static bool IsIntact(ReadOnlySpan<byte> sector, ushort volume, long number) =>
        BinaryPrimitives.ReadUInt32LittleEndian(sector[CheckAt..]) == Check(sector, volume, number);

    private static uint Check(ReadOnlySpan<byte> sector, ushort volume, long number)
    {
        if (!sector[..CheckAt].ContainsAnyExcept((byte)0)) return 0;
        Span<byte> place = stackalloc byte[10];
        BinaryPrimitives.WriteUInt16LittleEndian(place, volume);
        BinaryPrimitives.WriteInt64LittleEndian(place[2..], number);
        return ~Crc32C.Append(Crc32C.Append(~0u, sector[..CheckAt]), place);
    }
}
