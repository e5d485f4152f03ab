// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Replication.Linking.Stripes;

/// <summary>First message of a connection that is one path of a striped one.</summary>
/// <param name="Stripes">Of the striped connection, fresh for each.</param>
/// <param name="First">It begins the striped connection; the others join one that is there.</param>
public readonly record struct StripeJoin(Guid Stripes, bool First)
{
    public byte[] Encode()
    {
        var message = MessageCodec.New(16 + 1);
        var writer = new WireWriter(message.AsSpan(MessageCodec.HeaderLength));
        writer.Guid(Stripes);
        writer.Byte(First ? (byte)1 : (byte)0);
        MessageCodec.Seal(message, MessageKind.StripeJoin);
        return message;
    }

    /// <exception cref="LinkException">Protocol: a field is not what it can be.</exception>
    public static StripeJoin Decode(ReadOnlySpan<byte> payload)
    {
        var reader = new WireReader(payload);
        var (stripes, first) = (reader.Guid(), reader.Byte());
        reader.End();
        if (stripes == Guid.Empty || first > 1) throw MessageCodec.Fault("a join that names no stripes");
        return new StripeJoin(stripes, first == 1);
    }
}

/// <summary>A message of the striped connection, with its place among them.</summary>
internal static class StripePart
{
    public const int HeadLength = 8;
    public const int MessageMax = MessageCodec.PayloadMax - HeadLength;

    public static byte[] Encode(long number, ReadOnlySpan<byte> message)
    {
        var part = MessageCodec.New(HeadLength + message.Length);
        new WireWriter(part.AsSpan(MessageCodec.HeaderLength)).Int64(number);
        message.CopyTo(part.AsSpan(MessageCodec.HeaderLength + HeadLength));
        MessageCodec.Seal(part, MessageKind.StripePart);
        return part;
    }

    /// <exception cref="LinkException">Protocol: a field is not what it can be.</exception>
    public static (long Number, ReadOnlyMemory<byte> Message) Decode(ReadOnlyMemory<byte> payload)
    {
        if (payload.Length <= HeadLength) throw MessageCodec.Fault("an empty part");
        var reader = new WireReader(payload.Span[..HeadLength]);
        var number = reader.Count64();
        return number > 0 ? (number, payload[HeadLength..]) : throw MessageCodec.Fault("part 0");
    }
}

/// <summary>What has come in of the other side's parts, over all paths.</summary>
/// <param name="Received">All parts up to this number are there: they need not be sent over another path.</param>
/// <param name="Taken">Up to this number they were used: there is room for more.</param>
public readonly record struct StripeAck(long Received, long Taken)
{
    public byte[] Encode()
    {
        var message = MessageCodec.New(16);
        var writer = new WireWriter(message.AsSpan(MessageCodec.HeaderLength));
        writer.Int64(Received);
        writer.Int64(Taken);
        MessageCodec.Seal(message, MessageKind.StripeAck);
        return message;
    }

    /// <exception cref="LinkException">Protocol: a field is not what it can be.</exception>
    public static StripeAck Decode(ReadOnlySpan<byte> payload)
    {
        var reader = new WireReader(payload);
        var ack = new StripeAck(reader.Count64(), reader.Count64());
        reader.End();
        return ack.Taken <= ack.Received ? ack : throw MessageCodec.Fault("parts taken that were not received");
    }
}
