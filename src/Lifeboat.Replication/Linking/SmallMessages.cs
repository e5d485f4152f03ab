// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection;

namespace Lifeboat.Replication.Linking;

/// <summary>"I am alive"; answered by a <see cref="MessageKind.Pong"/> with the same value.</summary>
public readonly record struct Ping(long Value)
{
    public byte[] Encode(MessageKind kind)
    {
        var message = MessageCodec.New(8);
        new WireWriter(message.AsSpan(MessageCodec.HeaderLength)).Int64(Value);
        MessageCodec.Seal(message, kind);
        return message;
    }

    /// <exception cref="LinkException">Protocol: a field is not what it can be.</exception>
    public static Ping Decode(ReadOnlySpan<byte> payload)
    {
        var reader = new WireReader(payload);
        var ping = new Ping(reader.Int64());
        reader.End();
        return ping;
    }
}

/// <summary>The receiver goes no further; the last message of a session.</summary>
/// <param name="Epoch">The epoch the receiver knows.</param>
public sealed record Refused(ReasonCode Reason, Epoch Epoch, string Detail)
{
    private const int DetailMax = 1024;

    public byte[] Encode()
    {
        var detail = WireWriter.Utf8(Detail, DetailMax);
        var message = MessageCodec.New(2 + 8 + 2 + detail.Length);
        var writer = new WireWriter(message.AsSpan(MessageCodec.HeaderLength));
        writer.UInt16((ushort)Reason);
        writer.Int64(Epoch.Value);
        writer.Text(detail);
        MessageCodec.Seal(message, MessageKind.Refused);
        return message;
    }

    /// <exception cref="LinkException">Protocol: a field is not what it can be.</exception>
    public static Refused Decode(ReadOnlySpan<byte> payload)
    {
        var reader = new WireReader(payload);
        var refused = new Refused(ReasonOf(reader.UInt16()), new Epoch(reader.Count64()), reader.Text(DetailMax));
        reader.End();
        return refused;
    }

    // A later version may know more reasons: they are refusals all the same.
    private static ReasonCode ReasonOf(ushort value) =>
        Enum.IsDefined((ReasonCode)value) ? (ReasonCode)value : ReasonCode.Unexpected;
}

/// <summary>An orderly end, from either side.</summary>
public readonly record struct Bye(ReasonCode Reason)
{
    public byte[] Encode()
    {
        var message = MessageCodec.New(2);
        new WireWriter(message.AsSpan(MessageCodec.HeaderLength)).UInt16((ushort)Reason);
        MessageCodec.Seal(message, MessageKind.Bye);
        return message;
    }

    /// <exception cref="LinkException">Protocol: a field is not what it can be.</exception>
    public static Bye Decode(ReadOnlySpan<byte> payload)
    {
        var reader = new WireReader(payload);
        var reason = reader.UInt16();
        reader.End();
        return new Bye(Enum.IsDefined((ReasonCode)reason) ? (ReasonCode)reason : ReasonCode.Unexpected);
    }
}
