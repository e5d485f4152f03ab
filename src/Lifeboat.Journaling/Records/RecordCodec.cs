// SPDX-License-Identifier: Apache-2.0
using System.Buffers.Binary;

namespace Lifeboat.Journaling.Records;

/// <summary>
/// Reads and writes records, the same bytes on the wire and in the journal. Little endian, 64-byte header, then data;
/// CRC-32C over both with the checksum field as zero. Layout: docs/formats/journal.md.
/// </summary>
public static class RecordCodec
{
    public const int HeaderLength = 64;
    public const int DataLengthMax = 8 << 20;
    public const byte Version = 1;

    private const uint Magic = 0x4352424C; // "LBRC"
    private const int ChecksumAt = 60;
    private const int KnownMin = 32 << 10;

    public static int SizeOf(int dataLength) => HeaderLength + dataLength;

    /// <summary>Writes header and data.</summary>
    /// <returns>Bytes written: <see cref="SizeOf"/> of the data.</returns>
    /// <exception cref="ArgumentException">The header says another length, or the destination is too small.</exception>
    public static int Write(Span<byte> destination, in RecordHeader header, ReadOnlySpan<byte> data)
    {
        if (header.DataLength != data.Length)
            throw new ArgumentException($"header says {header.DataLength} bytes, data has {data.Length}");
        data.CopyTo(destination[HeaderLength..]);
        return Seal(destination, header);
    }

    /// <summary>Writes the header before data that already stands at offset 64 of <paramref name="record"/>.</summary>
    /// <returns>Bytes of the whole record.</returns>
    public static int Seal(Span<byte> record, in RecordHeader header)
    {
        var total = WriteHead(record, header);
        BinaryPrimitives.WriteUInt32LittleEndian(record[ChecksumAt..], Crc32C.Compute(record[..total]));
        return total;
    }

    /// <summary>As above, when the data has been run over before its place in the order was known.</summary>
    /// <param name="dataRegister"><see cref="Crc32C.Append"/> of the data, begun with 0.</param>
    public static int Seal(Span<byte> record, in RecordHeader header, uint dataRegister)
    {
        var total = WriteHead(record, header);
        var register = Crc32C.Join(Crc32C.Append(~0u, record[..HeaderLength]), dataRegister, header.DataLength);
        BinaryPrimitives.WriteUInt32LittleEndian(record[ChecksumAt..], ~register);
        return total;
    }

    private static int WriteHead(Span<byte> record, in RecordHeader header)
    {
        if (Problem(header) is { } problem) throw new ArgumentException(problem);
        var total = SizeOf(header.DataLength);
        record = record[..total];
        BinaryPrimitives.WriteUInt32LittleEndian(record, Magic);
        record[4] = Version;
        record[5] = (byte)header.Kind;
        BinaryPrimitives.WriteUInt16LittleEndian(record[6..], (ushort)header.Flags);
        BinaryPrimitives.WriteUInt16LittleEndian(record[8..], header.Volume);
        BinaryPrimitives.WriteUInt16LittleEndian(record[10..], 0);
        BinaryPrimitives.WriteInt32LittleEndian(record[12..], header.DataLength);
        BinaryPrimitives.WriteInt64LittleEndian(record[16..], header.Sequence);
        BinaryPrimitives.WriteInt64LittleEndian(record[24..], header.Epoch);
        BinaryPrimitives.WriteInt64LittleEndian(record[32..], header.Offset);
        BinaryPrimitives.WriteInt64LittleEndian(record[40..], header.Length);
        BinaryPrimitives.WriteInt64LittleEndian(record[48..], header.TimeMicros);
        BinaryPrimitives.WriteUInt32LittleEndian(record[56..], 0);
        BinaryPrimitives.WriteUInt32LittleEndian(record[ChecksumAt..], 0);
        return total;
    }

    /// <summary>Reads and verifies the record at the start of <paramref name="source"/>, maybe hostile.</summary>
    /// <param name="totalLength">
    /// Bytes of the record when it was read; when it is incomplete, the bytes needed as far as known; else 0.
    /// </param>
    public static RecordReadOutcome TryRead(ReadOnlySpan<byte> source, out RecordHeader header, out int totalLength)
    {
        var outcome = TryReadHeader(source, out header);
        totalLength = outcome switch
        {
            RecordReadOutcome.Read => SizeOf(header.DataLength),
            RecordReadOutcome.Incomplete => HeaderLength,
            _ => 0,
        };
        if (outcome != RecordReadOutcome.Read) return outcome;
        if (source.Length < totalLength) return RecordReadOutcome.Incomplete;
        if (Checksum(source[..totalLength]) == BinaryPrimitives.ReadUInt32LittleEndian(source[ChecksumAt..]))
            return RecordReadOutcome.Read;
        totalLength = 0;
        return RecordReadOutcome.BadChecksum;
    }

    /// <summary>The data of a record that <see cref="TryRead"/> accepted.</summary>
    public static ReadOnlyMemory<byte> DataOf(ReadOnlyMemory<byte> source, in RecordHeader header) =>
        source.Slice(HeaderLength, header.DataLength);

    /// <summary>Reads the header alone. Nothing in it is proved until the checksum is; it tells the length.</summary>
    public static RecordReadOutcome TryReadHeader(ReadOnlySpan<byte> source, out RecordHeader header)
    {
        header = default;
        if (source.Length < HeaderLength) return RecordReadOutcome.Incomplete;
        if (BinaryPrimitives.ReadUInt32LittleEndian(source) != Magic) return RecordReadOutcome.NotARecord;
        if (source[4] != Version) return RecordReadOutcome.UnsupportedVersion;
        header = new RecordHeader(
            (RecordKind)source[5],
            (RecordFlags)BinaryPrimitives.ReadUInt16LittleEndian(source[6..]),
            BinaryPrimitives.ReadUInt16LittleEndian(source[8..]),
            BinaryPrimitives.ReadInt32LittleEndian(source[12..]),
            BinaryPrimitives.ReadInt64LittleEndian(source[16..]),
            BinaryPrimitives.ReadInt64LittleEndian(source[24..]),
            BinaryPrimitives.ReadInt64LittleEndian(source[32..]),
            BinaryPrimitives.ReadInt64LittleEndian(source[40..]),
            BinaryPrimitives.ReadInt64LittleEndian(source[48..]));
        return Problem(header) is null ? RecordReadOutcome.Read : RecordReadOutcome.Malformed;
    }

    /// <summary>
    /// Runs a register (<see cref="Crc32C.Append"/>) on over a record that has been found to fit its own checksum: of
    /// long data the checksum says what running over it once more would.
    /// </summary>
    /// <param name="record">Header and data, no more.</param>
    internal static uint AppendKnown(uint register, ReadOnlySpan<byte> record)
    {
        var header = record[..HeaderLength];
        var length = record.Length - HeaderLength;
        if (length < KnownMin) return Crc32C.Append(register, record);
        // Registers begun differently differ, behind the same data, by as much as that difference run over zeroes.
        var sealedFrom = Crc32C.Append(Crc32C.Append(~0u, header[..ChecksumAt]), [0, 0, 0, 0]);
        var known = ~BinaryPrimitives.ReadUInt32LittleEndian(header[ChecksumAt..]);
        return Crc32C.Join(Crc32C.Append(register, header) ^ sealedFrom, known, length);
    }

    private static uint Checksum(ReadOnlySpan<byte> record)
    {
        ReadOnlySpan<byte> zero = [0, 0, 0, 0];
        var register = Crc32C.Append(~0u, record[..ChecksumAt]);
        register = Crc32C.Append(register, zero);
        return ~Crc32C.Append(register, record[HeaderLength..]);
    }

    private static string? Problem(in RecordHeader header)
    {
        if (header.DataLength is < 0 or > DataLengthMax) return $"data length {header.DataLength}";
        if (header.Sequence < 1) return $"sequence {header.Sequence}";
        if (header.Epoch < 0) return $"epoch {header.Epoch}";
        if (header.Offset < 0 || header.Length < 0 || header.Offset > long.MaxValue - header.Length)
            return $"range {header.Offset}+{header.Length}";
        return header.Kind switch
        {
            RecordKind.Write when header.DataLength == 0 || header.Length != header.DataLength =>
                $"a write of {header.Length} with {header.DataLength} bytes of data",
            RecordKind.Zero when header.DataLength != 0 || header.Length == 0 =>
                $"a zero of {header.Length} with {header.DataLength} bytes of data",
            RecordKind.Write or RecordKind.Zero => null,
            RecordKind.VolumeSize =>
                header is { Offset: > 0, Length: 0, DataLength: 0 } ? null : "a size that is none, or with data",
            RecordKind.Checkpoint or RecordKind.BatchBegin or RecordKind.BatchEnd =>
                header is { Offset: 0, Length: 0, Volume: 0 } ? null : "a mark with a range",
            _ => $"kind {(byte)header.Kind}",
        };
    }
}
