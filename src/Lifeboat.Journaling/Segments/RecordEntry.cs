// SPDX-License-Identifier: Apache-2.0
using System.Runtime.InteropServices;
using Lifeboat.Journaling.Records;

namespace Lifeboat.Journaling.Segments;

/// <summary>
/// What the index of a segment knows of one record; 32 bytes in memory and on disk. The sequence is the segment's first
/// one plus the entry's place.
/// </summary>
/// <param name="Offset">In the volume, as in the record; 0 for marks.</param>
/// <param name="Length">Bytes of the volume covered; for marks, bytes of data.</param>
/// <param name="TimeMicros">As in the record.</param>
/// <param name="Position">Where the record's header begins in the segment file.</param>
[StructLayout(LayoutKind.Sequential, Pack = 8)]
internal readonly record struct RecordEntry(
    long Offset, long Length, long TimeMicros, uint Position, ushort Volume, RecordKind Kind, byte Flags)
{
    public const int Size = 32;

    public static RecordEntry Of(in RecordHeader header, uint position) => new(
        header.Offset, header.TouchesVolume ? header.Length : header.DataLength, header.TimeMicros, position,
        header.Volume, header.Kind, (byte)header.Flags);

    /// <summary>Of a record that is gone with all that told what it was.</summary>
    public static RecordEntry Lost(uint position) => new(0, 0, 0, position, 0, RecordKind.Lost, 0);

    public static bool AnyLost(ReadOnlySpan<RecordEntry> entries)
    {
        foreach (ref readonly var entry in entries)
            if (entry.Kind == RecordKind.Lost) return true;
        return false;
    }

    /// <summary>What is known without the record: no epoch and no data.</summary>
    public RecordHeader ToHeader(long sequence)
    {
        var touches = Kind is RecordKind.Write or RecordKind.Zero;
        return new RecordHeader(Kind, (RecordFlags)Flags, Volume, 0, sequence, 0,
            touches || Kind == RecordKind.VolumeSize ? Offset : 0, touches ? Length : 0, TimeMicros);
    }

    public uint DataPosition => Position + RecordCodec.HeaderLength;
    public int RecordLength => RecordCodec.HeaderLength + (Kind == RecordKind.Zero ? 0 : (int)Length);
}
