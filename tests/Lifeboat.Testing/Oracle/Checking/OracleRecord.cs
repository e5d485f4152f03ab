// SPDX-License-Identifier: Apache-2.0
using System.Buffers.Binary;

namespace Lifeboat.Testing.Oracle;

/// <summary>One record as it stands in its slot.</summary>
/// <param name="N">Number over all disks, from 1.</param>
/// <param name="Ordinal">Number on this disk, from 1; it stands in slot (Ordinal - 1) mod slots.</param>
/// <param name="Previous">The record before it on this disk; 0 for the first.</param>
/// <param name="Mark">Put by a freeze.</param>
public readonly record struct OracleRecord(
    ulong Set, ulong Run, long Generation, long N, long Ordinal, long Previous, long UnixMicroseconds,
    int Disk, int Disks, bool Mark)
{
    private const int CrcAt = 76;
    private const int BodyAt = 80;

    /// <summary>False when the slot holds no whole record.</summary>
    public static bool TryParse(ReadOnlySpan<byte> slot, out OracleRecord record)
    {
        record = default;
        if (!slot.StartsWith(OracleFormat.RecordMagic) || Read32(slot, CrcAt) != OracleFormat.Checksum(slot, CrcAt))
            return false;
        record = new OracleRecord(Read64(slot, 8), Read64(slot, 16), (long)Read64(slot, 24), (long)Read64(slot, 32),
            (long)Read64(slot, 40), (long)Read64(slot, 48), (long)Read64(slot, 56),
            (int)Read32(slot, 64), (int)Read32(slot, 68), Read32(slot, 72) == 2);
        return record is { N: > 0, Ordinal: > 0, Previous: >= 0 };
    }

    public void Write(Span<byte> slot)
    {
        OracleFormat.RecordMagic.CopyTo(slot);
        Write64(slot, 8, Set);
        Write64(slot, 16, Run);
        Write64(slot, 24, (ulong)Generation);
        Write64(slot, 32, (ulong)N);
        Write64(slot, 40, (ulong)Ordinal);
        Write64(slot, 48, (ulong)Previous);
        Write64(slot, 56, (ulong)UnixMicroseconds);
        Write32(slot, 64, (uint)Disk);
        Write32(slot, 68, (uint)Disks);
        Write32(slot, 72, Mark ? 2u : 1u);
        for (var at = BodyAt; at < slot.Length; at += 8) Write64(slot, at, (ulong)N ^ ((ulong)at * 0x9e3779b97f4a7c15));
        Write32(slot, CrcAt, OracleFormat.Checksum(slot, CrcAt));
    }

    private static uint Read32(ReadOnlySpan<byte> b, int at) => BinaryPrimitives.ReadUInt32LittleEndian(b[at..]);
    private static ulong Read64(ReadOnlySpan<byte> b, int at) => BinaryPrimitives.ReadUInt64LittleEndian(b[at..]);
    private static void Write32(Span<byte> b, int at, uint v) => BinaryPrimitives.WriteUInt32LittleEndian(b[at..], v);
    private static void Write64(Span<byte> b, int at, ulong v) => BinaryPrimitives.WriteUInt64LittleEndian(b[at..], v);
}
