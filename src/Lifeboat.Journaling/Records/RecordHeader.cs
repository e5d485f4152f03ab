// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Journaling.Records;

/// <summary>The fixed head of a record, without its checksum. Layout: docs/formats/journal.md.</summary>
/// <param name="Volume">Index of the volume in the group; 0 for records that are not about one volume.</param>
/// <param name="DataLength">Bytes of data behind the header; 0 to <see cref="RecordCodec.DataLengthMax"/>.</param>
/// <param name="Sequence">1, 2, 3 … over all volumes of the group.</param>
/// <param name="Epoch">Epoch of the writer.</param>
/// <param name="Offset">First byte in the volume of a write or zero; the new end of a resized one; else 0.</param>
/// <param name="Length">Bytes of the volume that a write or zero covers (a write: DataLength); else 0.</param>
/// <param name="TimeMicros">Source clock, microseconds since 1970-01-01 UTC; never used for order.</param>
public readonly record struct RecordHeader(
    RecordKind Kind, RecordFlags Flags, ushort Volume, int DataLength, long Sequence, long Epoch, long Offset,
    long Length, long TimeMicros)
{
    public bool TouchesVolume => Kind is RecordKind.Write or RecordKind.Zero;

    public static RecordHeader Write(ushort volume, long sequence, long epoch, long offset, int length,
        long timeMicros, RecordFlags flags = RecordFlags.None) =>
        new(RecordKind.Write, flags, volume, length, sequence, epoch, offset, length, timeMicros);

    public static RecordHeader Zero(ushort volume, long sequence, long epoch, long offset, long length,
        long timeMicros, RecordFlags flags = RecordFlags.None) =>
        new(RecordKind.Zero, flags, volume, 0, sequence, epoch, offset, length, timeMicros);

    /// <summary>The volume has this many bytes from here on.</summary>
    public static RecordHeader Size(ushort volume, long sequence, long epoch, long sizeBytes, long timeMicros) =>
        new(RecordKind.VolumeSize, RecordFlags.None, volume, 0, sequence, epoch, sizeBytes, 0, timeMicros);

    /// <summary>Head of a checkpoint or batch mark, whose data is its payload.</summary>
    public static RecordHeader Mark(RecordKind kind, long sequence, long epoch, int payloadLength, long timeMicros) =>
        new(kind, RecordFlags.None, 0, payloadLength, sequence, epoch, 0, 0, timeMicros);
}
