// SPDX-License-Identifier: Apache-2.0
using System.Buffers.Binary;
using Lifeboat.Journaling.Records;

namespace Lifeboat.Replication.Linking;

/// <summary>
/// The envelope of every link message: little endian, 16 bytes, then the payload. The checksum is over the envelope
/// (with the checksum as zero) and the payload; of a frame only over the payload's head, whose own checksum covers the
/// records, and of a part only over its number: the message in it has its own. Layout: docs/formats/link.md.
/// </summary>
public static class MessageCodec
{
    public const int HeaderLength = 16;
    public const ushort Version = 1;
    public const int PayloadMax = ILinkConnection.MessageMax - HeaderLength;

    private const uint Magic = 0x4B4C424C; // "LBLK"
    private const int ChecksumAt = 12;

    /// <summary>A message with room for the payload, which stands at offset 16.</summary>
    public static byte[] New(int payloadLength) => new byte[HeaderLength + payloadLength];

    /// <summary>Writes the envelope around a payload that is already in its place.</summary>
    public static void Seal(Span<byte> message, MessageKind kind) => Seal(message, kind, bodyLength: 0);

    /// <summary>As above, when the rest of the payload stands elsewhere.</summary>
    internal static void Seal(Span<byte> message, MessageKind kind, int bodyLength)
    {
        var payload = message.Length - HeaderLength + bodyLength;
        ArgumentOutOfRangeException.ThrowIfGreaterThan(payload, PayloadMax);
        BinaryPrimitives.WriteUInt32LittleEndian(message, Magic);
        message[4] = (byte)kind;
        message[5] = 0;
        BinaryPrimitives.WriteUInt16LittleEndian(message[6..], Version);
        BinaryPrimitives.WriteInt32LittleEndian(message[8..], payload);
        BinaryPrimitives.WriteUInt32LittleEndian(message[ChecksumAt..], 0);
        BinaryPrimitives.WriteUInt32LittleEndian(message[ChecksumAt..], Checksum(message, kind));
    }

    /// <summary>Checks the envelope of what came from the wire.</summary>
    /// <exception cref="LinkException">Protocol: not a whole, intact message of this version.</exception>
    public static MessageKind Open(ReadOnlyMemory<byte> message, out ReadOnlyMemory<byte> payload) =>
        Open(new MessageParts(message, default), out payload);

    /// <inheritdoc cref="Open(ReadOnlyMemory{byte}, out ReadOnlyMemory{byte})"/>
    /// <param name="payload">What is not in the body of it.</param>
    internal static MessageKind Open(in MessageParts message, out ReadOnlyMemory<byte> payload)
    {
        var span = message.Head.Span;
        var length = span.Length + message.Body.Length;
        if (span.Length < HeaderLength || length > ILinkConnection.MessageMax)
            throw Fault($"a message of {length} bytes");
        if (BinaryPrimitives.ReadUInt32LittleEndian(span) != Magic) throw Fault("not a message");
        if (BinaryPrimitives.ReadUInt16LittleEndian(span[6..]) is var version && version != Version)
            throw Fault($"version {version}; this side speaks {Version}");
        if (span[5] != 0) throw Fault($"unknown flags {span[5]}");
        var kind = (MessageKind)span[4];
        if (!Enum.IsDefined(kind)) throw Fault($"unknown kind {span[4]}");
        if (BinaryPrimitives.ReadInt32LittleEndian(span[8..]) != length - HeaderLength)
            throw Fault("the length does not fit");
        if (kind == MessageKind.Frame && span.Length < HeaderLength + FrameHeader.Length)
            throw Fault("a frame cut short");
        if (kind == MessageKind.StripePart && span.Length < HeaderLength + Stripes.StripePart.HeadLength)
            throw Fault("a part cut short");
        if (!message.Body.IsEmpty && kind != MessageKind.Frame) throw Fault("another message than it seemed");
        if (BinaryPrimitives.ReadUInt32LittleEndian(span[ChecksumAt..]) != Checksum(span, kind))
            throw Fault("bad checksum");
        payload = message.Head[HeaderLength..];
        return kind;
    }

    internal static LinkException Fault(string what) => new(LinkFault.Protocol, $"the peer sent {what}");

    /// <summary>Whether it may be a frame: nothing is checked yet.</summary>
    internal static bool SeemsFrame(ReadOnlySpan<byte> head) => head.Length >= HeaderLength + FrameHeader.Length
        && BinaryPrimitives.ReadUInt32LittleEndian(head) == Magic && head[4] == (byte)MessageKind.Frame;

    private static uint Checksum(ReadOnlySpan<byte> message, MessageKind kind)
    {
        ReadOnlySpan<byte> zero = [0, 0, 0, 0];
        var end = kind switch
        {
            MessageKind.Frame => HeaderLength + FrameHeader.Length,
            MessageKind.StripePart => HeaderLength + Stripes.StripePart.HeadLength,
            _ => message.Length,
        };
        var register = Crc32C.Append(~0u, message[..ChecksumAt]);
        register = Crc32C.Append(register, zero);
        return ~Crc32C.Append(register, message[HeaderLength..end]);
    }
}
