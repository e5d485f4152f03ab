// SPDX-License-Identifier: Apache-2.0
using System.Buffers.Binary;
using Lifeboat.Journaling.Records;
using Lifeboat.Protection;

namespace Lifeboat.Replication.Linking;

/// <summary>How the records of a frame are packed. Numbers are on the wire and never change.</summary>
public enum FrameCompression : byte { None = 0 }

/// <summary>Head of a frame's payload; the records follow.</summary>
/// <param name="First">Sequence of the first record; the others follow without a gap.</param>
/// <param name="RawLength">Bytes of the records unpacked; without compression as many as follow.</param>
/// <param name="BodyChecksum">CRC-32C of the bytes that follow.</param>
public readonly record struct FrameHeader(Epoch Epoch, Guid StreamId, long First, int Count,
    FrameCompression Compression, int RawLength, int BodyLength, uint BodyChecksum)
{
    public const int Length = 64;

    public long Last => First + Count - 1;

    /// <summary>Builds a whole message around records that already stand at their place in it.</summary>
    public static void Seal(Span<byte> message, Epoch epoch, Guid streamId, long first, int count)
    {
        var body = message[(MessageCodec.HeaderLength + Length)..];
        var head = message.Slice(MessageCodec.HeaderLength, Length);
        head.Clear();
        var writer = new WireWriter(head);
        writer.Int64(epoch.Value);
        writer.Guid(streamId);
        writer.Int64(first);
        writer.Int32(count);
        writer.Int32((int)FrameCompression.None);
        writer.Int32(body.Length);
        writer.Int32(body.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(head[48..], Crc32C.Compute(body));
        MessageCodec.Seal(message, MessageKind.Frame);
    }

    /// <exception cref="LinkException">Protocol: a field is not what it can be, or the records are damaged.</exception>
    public static FrameHeader Decode(ReadOnlyMemory<byte> payload, out ReadOnlyMemory<byte> records)
    {
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
        if (compression != (int)FrameCompression.None) throw MessageCodec.Fault($"unknown compression {compression}");
        if (body != payload.Length - Length || raw != body) throw MessageCodec.Fault("a frame of another length");
        if (body < (long)count * RecordCodec.HeaderLength) throw MessageCodec.Fault($"{count} records in {body} bytes");
        records = payload[Length..];
        if (Crc32C.Compute(records.Span) != checksum) throw MessageCodec.Fault("damaged records");
        return new FrameHeader(epoch, stream, first, count, FrameCompression.None, raw, body, checksum);
    }
}
