// SPDX-License-Identifier: Apache-2.0
using System.Buffers.Binary;
using System.Numerics;

namespace Lifeboat.Testing.Oracle;

/// <summary>The layout that kit/guest/oracle-format.h fixes: one header of 4096 bytes, then slots.</summary>
public static class OracleFormat
{
    public const int HeaderBytes = 4096;
    public const int SlotBytesMax = 1 << 20;
    public const int SlotsMax = 131072;
    public const int DisksMax = 64;

    public static ReadOnlySpan<byte> HeaderMagic => "LBORACLH"u8;
    public static ReadOnlySpan<byte> RecordMagic => "LBORACL1"u8;

    /// <summary>The disk of record n, so that a missing record can be named with the disk it is missing on.</summary>
    public static int DiskOf(ulong set, long n, int disks, bool seeded) =>
        (int)((seeded ? SplitMix(set ^ (ulong)n) : (ulong)n - 1) % (ulong)disks);

    /// <summary>CRC-32C of a block whose checksum field counts as zero.</summary>
    public static uint Checksum(ReadOnlySpan<byte> block, int fieldAt)
    {
        var crc = Continue(uint.MaxValue, block[..fieldAt]);
        crc = BitOperations.Crc32C(crc, 0u);
        return ~Continue(crc, block[(fieldAt + 4)..]);
    }

    private static uint Continue(uint crc, ReadOnlySpan<byte> bytes)
    {
        for (; bytes.Length >= 8; bytes = bytes[8..])
            crc = BitOperations.Crc32C(crc, BinaryPrimitives.ReadUInt64LittleEndian(bytes));
        foreach (var b in bytes) crc = BitOperations.Crc32C(crc, b);
        return crc;
    }

    private static ulong SplitMix(ulong x)
    {
        x += 0x9e3779b97f4a7c15;
        x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
        x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
        return x ^ (x >> 31);
    }
}
