// SPDX-License-Identifier: Apache-2.0
using System.Buffers.Binary;

namespace Lifeboat.Testing.Oracle;

/// <summary>What a disk says about itself and the disks it belongs with.</summary>
/// <param name="Set">Shared by all disks of one guest, for its whole life.</param>
public sealed record OracleHeader(int Disk, int Disks, int SlotBytes, long Slots, ulong Set, bool Seeded)
{
    private const int CrcAt = 44;

    /// <summary>Null with a reason when the bytes are not a header; null without one when they are all zero.</summary>
    public static OracleHeader? Parse(ReadOnlySpan<byte> block, out string? problem)
    {
        problem = null;
        if (!block.ContainsAnyExcept((byte)0)) return null;
        if (!block.StartsWith(OracleFormat.HeaderMagic)) problem = "does not begin with a header";
        else if (OracleFormat.Checksum(block, CrcAt) != Read32(block, CrcAt))
            problem = "has a header with a wrong checksum";
        else if (Read32(block, 8) != 1)
            problem = $"has a header of version {Read32(block, 8)}";
        if (problem is not null) return null;
        var header = new OracleHeader((int)Read32(block, 12), (int)Read32(block, 16), (int)Read32(block, 20),
            (long)Read64(block, 24), Read64(block, 32), Read32(block, 40) == 1);
        if (header.MakesSense()) return header;
        problem = "has a header that makes no sense";
        return null;
    }

    public void Write(Span<byte> block)
    {
        block.Clear();
        OracleFormat.HeaderMagic.CopyTo(block);
        Write32(block, 8, 1);
        Write32(block, 12, (uint)Disk);
        Write32(block, 16, (uint)Disks);
        Write32(block, 20, (uint)SlotBytes);
        BinaryPrimitives.WriteUInt64LittleEndian(block[24..], (ulong)Slots);
        BinaryPrimitives.WriteUInt64LittleEndian(block[32..], Set);
        Write32(block, 40, Seeded ? 1u : 0u);
        Write32(block, CrcAt, OracleFormat.Checksum(block, CrcAt));
    }

    private bool MakesSense() => Disks is > 0 and <= OracleFormat.DisksMax && Disk >= 0 && Disk < Disks
        && SlotBytes is >= 512 and <= OracleFormat.SlotBytesMax && SlotBytes % 512 == 0
        && Slots is > 0 and <= OracleFormat.SlotsMax;

    private static uint Read32(ReadOnlySpan<byte> b, int at) => BinaryPrimitives.ReadUInt32LittleEndian(b[at..]);
    private static ulong Read64(ReadOnlySpan<byte> b, int at) => BinaryPrimitives.ReadUInt64LittleEndian(b[at..]);
    private static void Write32(Span<byte> block, int at, uint value) =>
        BinaryPrimitives.WriteUInt32LittleEndian(block[at..], value);
}
