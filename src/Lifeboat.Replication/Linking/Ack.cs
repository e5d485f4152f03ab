// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Replication.Linking;

/// <summary>The receiver's word that records are flushed. Counts for the stream it names and no other.</summary>
/// <param name="Sealed">Sequence of the newest sealed checkpoint; 0: none.</param>
public readonly record struct Ack(Guid StreamId, long Durable, long Sealed)
{
    public byte[] Encode()
    {
        var message = MessageCodec.New(16 + 8 + 8);
        var writer = new WireWriter(message.AsSpan(MessageCodec.HeaderLength));
        writer.Guid(StreamId);
        writer.Int64(Durable);
        writer.Int64(Sealed);
        MessageCodec.Seal(message, MessageKind.Ack);
        return message;
    }

    /// <exception cref="LinkException">Protocol: a field is not what it can be.</exception>
    public static Ack Decode(ReadOnlySpan<byte> payload)
    {
        var reader = new WireReader(payload);
        var ack = new Ack(reader.Guid(), reader.Count64(), reader.Count64());
        reader.End();
        if (ack.Sealed > ack.Durable) throw MessageCodec.Fault("a sealed point that is not durable");
        return ack;
    }
}
