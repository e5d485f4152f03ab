// SPDX-License-Identifier: Apache-2.0
using System.Buffers.Binary;
using Lifeboat.Journaling.Records;
using Lifeboat.Protection;

namespace Lifeboat.Replication.Linking;

/// <summary>How the records of a frame are packed. Numbers are on the wire and never change.</summary>
public enum FrameCompression : byte
{
    None = 0,
    /// <summary>One LZ4 block.</summary>
    Lz4 = 1,
    /// <summary>One Zstandard frame.</summary>
    Zstd = 2,
}

/// <summary>Head of a frame's payload; the records follow.</summary>
/// <param name="First">Sequence of the first record; the others follow without a gap.</param>
/// <param name="RawLength">Bytes of the records unpacked; without compression as many as follow, else more.</param>
/// <param name="BodyChecksum">CRC-32C of the bytes that follow.</param>
public readonly record struct FrameHeader(Epoch Epoch, Guid StreamId, long First, int Count,
    FrameCompression Compression, int RawLength, int BodyLength, uint BodyChecksum)
{
    public const int Length = 64;
    /// <summary>As many bytes of records as a frame without compression can hold.</summary>
    public const int RawMax = MessageCodec.PayloadMax - Length;

    public long Last => First + Count - 1;

    /// <summary>Builds a whole message around records that already stand at their place in it.</summary>
    public static void Seal(Span<byte> message, Epoch epoch, Guid streamId, long first, int count) =>
        Seal(message, epoch, streamId, first, count, FrameCompression.None,
            message.Length - MessageCodec.HeaderLength - Length);

    /// <inheritdoc cref="Seal(Span{byte}, Epoch, Guid, long, int)"/>
    /// <param name="compression">How they are packed.</param>
    /// <param name="rawLength">Their bytes unpacked.</param>
    public static void Seal(Span<byte> message, Epoch epoch, Guid streamId, long first, int count,
        FrameCompression compression, int rawLength)
    {
        const int headLength = MessageCodec.HeaderLength + Length;
        Seal(message[..headLength], message[headLength..], epoch, streamId, first, count, compression, rawLength);
    }

    /// <summary>Builds a message's head for records that stand elsewhere.</summary>
    internal static void Seal(Span<byte> message, ReadOnlySpan<byte> body, Epoch epoch, Guid streamId, long first,
        int count, FrameCompression compression, int rawLength)
    {
        var head = message.Slice(MessageCodec.HeaderLength, Length);
        head.Clear();
        var writer = new WireWriter(head);
        writer.Int64(epoch.Value);
        writer.Guid(streamId);
        writer.Int64(first);
        writer.Int32(count);
        writer.Int32((int)compression);
        writer.Int32(rawLength);
        writer.Int32(body.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(head[48..], Crc32C.Compute(body));
        MessageCodec.Seal(message, MessageKind.Frame, body.Length);
    }

    /// <summary>
    /// What the head of a message that is not there yet seems to be about; to make room for it and nothing else.
    /// </summary>
    /// <returns>False: not a frame of records as they are.</returns>
    internal static bool TryForesee(ReadOnlySpan<byte> head, out FrameHeader frame)
    {
        frame = default;
        if (!MessageCodec.SeemsFrame(head)) return false;
        var reader = new WireReader(head.Slice(MessageCodec.HeaderLength, Length));
        frame = new FrameHeader(new Epoch(reader.Int64()), reader.Guid(), reader.Int64(), reader.Int32(),
            (FrameCompression)reader.Int32(), reader.Int32(), reader.Int32(), (uint)reader.Int32());
        return frame is { Compression: FrameCompression.None, Count: > 0 };
    }

    /// <exception cref="LinkException">Protocol: a field is not what it can be, or the records are damaged.</exception>
    /// <param name="records">As they came: packed, when the header says so.</param>
    public static FrameHeader Decode(ReadOnlyMemory<byte> payload, out ReadOnlyMemory<byte> records) =>
        Decode(payload, default, out records);

    /// <inheritdoc cref="Decode(ReadOnlyMemory{byte}, out ReadOnlyMemory{byte})"/>
    /// <param name="elsewhere">Where the records stand, when not in the payload.</param>
    internal static FrameHeader Decode(
        ReadOnlyMemory<byte> payload, ReadOnlyMemory<byte> elsewhere, out ReadOnlyMemory<byte> records)
    {
        records = elsewhere.IsEmpty ? payload[Length..] : elsewhere;
        var reader = new WireReader(payload.Span[..Length]);
        var epoch = new Epoch(reader.Count64());
        var stream = reader.Guid();
        var first = reader.Int64();
        var count = reader.Int32();
        var compression = reader.Int32();
        var raw = reader.Int32();
        var body = reader.Int32();
        var checksum = (uint)reader.Int32();
        if (reader.Take(Length - 52).ContainsAnyExcept((byte)0)) throw MessageCodec.Fault("unknown fields in a frame");
        if (stream == Guid.Empty) throw MessageCodec.Fault("a frame without a stream");
        if (first < 1 || count < 1 || first > long.MaxValue - count)
            throw MessageCodec.Fault($"records {first}+{count}");
        if (compression is < (int)FrameCompression.None or > (int)FrameCompression.Zstd)
            throw MessageCodec.Fault($"unknown compression {compression}");
        var packed = compression != (int)FrameCompression.None;
        if (body != records.Length || (packed ? body < 1 || raw <= body || raw > RawMax : raw != body))
            throw MessageCodec.Fault("a frame of another length");
        if (raw < (long)count * RecordCodec.HeaderLength) throw MessageCodec.Fault($"{count} records in {raw} bytes");
        if (Crc32C.Compute(records.Span) != checksum) throw MessageCodec.Fault("damaged records");
        return new FrameHeader(epoch, stream, first, count, (FrameCompression)compression, raw, body, checksum);
    }
}
