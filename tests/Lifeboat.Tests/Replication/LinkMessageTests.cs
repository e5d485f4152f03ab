// SPDX-License-Identifier: Apache-2.0
using System.Buffers.Binary;
using Lifeboat.Journaling.Records;
using Lifeboat.Protection;
using Lifeboat.Replication.Linking;
using Lifeboat.Replication.Replicas;
using Lifeboat.Replication.Linking.Compression;
using Lifeboat.Testing;
using Xunit;

namespace Lifeboat.Tests.Replication;

public sealed class LinkMessageTests
{
    private static readonly Guid Id = new("00112233-4455-6677-8899-aabbccddeeff");

    [Theory]
    [InlineData(MessageKind.Hello, 1)]
    [InlineData(MessageKind.HelloReply, 2)]
    [InlineData(MessageKind.Frame, 3)]
    [InlineData(MessageKind.Ack, 4)]
    [InlineData(MessageKind.DigestRequest, 5)]
    [InlineData(MessageKind.StripeJoin, 12)]
    [InlineData(MessageKind.StripePart, 13)]
    [InlineData(MessageKind.StripeAck, 14)]
    [InlineData(MessageKind.DigestReply, 6)]
    [InlineData(MessageKind.Ping, 7)]
    [InlineData(MessageKind.Pong, 8)]
    [InlineData(MessageKind.Refused, 9)]
    [InlineData(MessageKind.Bye, 10)]
    [InlineData(MessageKind.Resend, 11)]
    public void Message_kinds_on_the_wire_never_change_value(MessageKind kind, byte frozen) =>
        Assert.Equal(frozen, (byte)kind);

    [Theory]
    [InlineData(FrameCompression.None, 0, FrameAbilities.None)]
    [InlineData(FrameCompression.Lz4, 1, FrameAbilities.Lz4)]
    [InlineData(FrameCompression.Zstd, 2, FrameAbilities.Zstd)]
    public void Compressions_on_the_wire_never_change_value(
        FrameCompression compression, byte frozen, FrameAbilities ability)
    {
        Assert.Equal(frozen, (byte)compression);
        Assert.Equal(compression == FrameCompression.None ? 0 : 1 << frozen, (int)ability);
        Assert.True(ability.Includes(compression));
        Assert.Equal(compression == FrameCompression.None, FrameAbilities.None.Includes(compression));
    }

    [Fact]
    public void Layouts_on_the_wire_never_change()
    {
        Assert.Equal(Frozen.HelloReply2,
            Convert.ToHexString((Reply() with { Accepts = FrameAbilities.All }).Encode()));
        Assert.Equal(Frozen.Hello, Convert.ToHexString(Hello().Encode()));
        // Since version 4; of a source that was never moved it is as before.
        Assert.Equal("0700000000000000", Convert.ToHexString((Hello() with { Moves = 7 }).Encode())[^16..]);
        Assert.Equal(Frozen.HelloReply, Convert.ToHexString(Reply().Encode()));
        Assert.Equal(Frozen.Frame, Convert.ToHexString(Frame()));
        Assert.Equal(Frozen.Ack, Convert.ToHexString(new Ack(Id, 9, 7).Encode()));
        Assert.Equal(Frozen.DigestRequest,
            Convert.ToHexString(new DigestRequest(5, 2, 9, 1 << 20, 4096, 3).Encode()));
        Assert.Equal(Frozen.DigestReply, Convert.ToHexString(Digests()));
        Assert.Equal(Frozen.Ping, Convert.ToHexString(new Ping(77).Encode(MessageKind.Ping)));
        Assert.Equal(Frozen.Refused,
            Convert.ToHexString(new Refused(ReasonCode.StaleEpoch, new Epoch(4), "old").Encode()));
        Assert.Equal(Frozen.Resend, Convert.ToHexString(new Resend([new(2, 4096, 8192)]).Encode()));
        Assert.Equal(Frozen.Bye, Convert.ToHexString(new Bye(ReasonCode.Conflict).Encode()));
    }

    [Fact]
    public void What_was_encoded_is_decoded()
    {
        var hello = Lifeboat.Replication.Linking.Hello.Decode(Open(Hello().Encode(), MessageKind.Hello).Span);
        Assert.Equal(Hello() with { Volumes = hello.Volumes }, hello);
        Assert.Equal(Hello().Volumes, hello.Volumes);
        var moved = (Hello() with { Moves = 7 }).Encode();
        Assert.Equal(7, Lifeboat.Replication.Linking.Hello.Decode(Open(moved, MessageKind.Hello).Span).Moves);
        Assert.Equal(Reply(), HelloReply.Decode(Open(Reply().Encode(), MessageKind.HelloReply).Span));
        var packs = Reply() with { Accepts = FrameAbilities.Lz4 };
        Assert.Equal(packs, HelloReply.Decode(Open(packs.Encode(), MessageKind.HelloReply).Span));
        Assert.Equal(new Ack(Id, 9, 7), Ack.Decode(Open(new Ack(Id, 9, 7).Encode(), MessageKind.Ack).Span));
        var request = new DigestRequest(5, 2, 9, 1 << 20, 4096, 3);
        Assert.Equal(request, DigestRequest.Decode(Open(request.Encode(), MessageKind.DigestRequest).Span));
        Assert.Equal(48, DigestReply.Decode(Open(Digests(), MessageKind.DigestReply)).Digests.Length);
        LostRange[] lost = [new(2, 4096, 8192), new(0, 0, 1)];
        Assert.Equal(lost, Resend.Decode(Open(new Resend(lost).Encode(), MessageKind.Resend).Span).Ranges);
        var refused = new Refused(ReasonCode.TargetFull, new Epoch(4), "voll: ü");
        Assert.Equal(refused, Refused.Decode(Open(refused.Encode(), MessageKind.Refused).Span));
        var bye = Bye.Decode(Open(new Bye(ReasonCode.Conflict).Encode(), MessageKind.Bye).Span);
        Assert.Equal(ReasonCode.Conflict, bye.Reason);
        var frame = FrameHeader.Decode(Open(Frame(), MessageKind.Frame), out var records);
        Assert.Equal((new Epoch(3), Id, 41L, 1), (frame.Epoch, frame.StreamId, frame.First, frame.Count));
        Assert.Equal(RecordReadOutcome.Read, RecordCodec.TryRead(records.Span, out _, out _));
        foreach (var compression in new[] { FrameCompression.Lz4, FrameCompression.Zstd })
        {
            using var unpacker = new FrameUnpacker(FrameAbilities.All);
            frame = unpacker.Open(Open(Packed(compression), MessageKind.Frame), out records);
            Assert.Equal((compression, 41L, 1), (frame.Compression, frame.First, frame.Count));
            Assert.InRange(frame.BodyLength, 1, frame.RawLength - 1);
            Assert.Equal(RecordReadOutcome.Read, RecordCodec.TryRead(records.Span, out _, out var length));
            Assert.Equal(records.Length, length);
        }
    }

    [Fact]
    public void Packed_records_that_were_not_agreed_are_a_protocol_fault()
    {
        using var unpacker = new FrameUnpacker(FrameAbilities.Lz4);
        unpacker.Open(Open(Packed(FrameCompression.Lz4), MessageKind.Frame), out _);
        var fault = Assert.Throws<LinkException>(
            () => unpacker.Open(Open(Packed(FrameCompression.Zstd), MessageKind.Frame), out _));
        Assert.Equal(LinkFault.Protocol, fault.Fault);
    }

    [Fact]
    public void One_flipped_bit_of_a_message_is_a_protocol_fault_whichever_it_is()
    {
        using var unpacker = new FrameUnpacker(FrameAbilities.All);
        foreach (var message in EveryKind())
            for (var bit = 0; bit < 8 * message.Length; bit++)
            {
                message[bit / 8] ^= (byte)(1 << bit % 8);
                Assert.Equal(LinkFault.Protocol, Assert.Throws<LinkException>(() => Decode(message, unpacker)).Fault);
                message[bit / 8] ^= (byte)(1 << bit % 8);
            }
    }

    [Fact]
    public void A_damaged_message_is_a_protocol_fault_and_nothing_else()
    {
        var prng = new Prng(11);
        var messages = EveryKind();
        using var unpacker = new FrameUnpacker(FrameAbilities.All);
        for (var round = 0; round < 20_000; round++)
        {
            var message = prng.Pick(messages).ToArray();
            message = Mutate(message, prng);
            // Half of them with a good checksum again, so that the fields themselves are tried.
            if (round % 2 == 0 && message.Length >= MessageCodec.HeaderLength && message[4] is >= 1 and <= 10
                && ((MessageKind)message[4] != MessageKind.Frame
                    || message.Length >= MessageCodec.HeaderLength + FrameHeader.Length))
                Reseal(message, prng);
            try
            {
                Decode(message, unpacker);
            }
            catch (LinkException e)
            {
                Assert.Equal(LinkFault.Protocol, e.Fault);
            }
        }
    }

    [Theory]
    [InlineData(0, 4096, 1, true)]
    [InlineData(4096, 4096, 4096, true)]
    [InlineData(512, 4096, 1, false)]
    [InlineData(0, 3000, 1, false)]
    [InlineData(0, 256, 1, false)]
    [InlineData(0, 2 << 20, 1, false)]
    [InlineData(0, 4096, 0, false)]
    [InlineData(0, 4096, 4097, false)]
    [InlineData(0, 1 << 20, 65, false)]
    [InlineData(0, 64 << 20, 4, true)]
    [InlineData(0, 64 << 20, 5, false)]
    [InlineData(1 << 20, 64 << 20, 1, false)]
    [InlineData(0, 128 << 20, 1, false)]
    [InlineData(long.MaxValue - 4095, 4096, 1, false)]
    public void A_digest_request_must_be_of_bounded_work(long offset, int block, int count, bool good)
    {
        var message = new DigestRequest(1, 0, 1, offset, block, count).Encode();
        var payload = Open(message, MessageKind.DigestRequest);
        if (good) DigestRequest.Decode(payload.Span);
        else Assert.Throws<LinkException>(() => DigestRequest.Decode(payload.Span));
    }

    private static byte[][] EveryKind() =>
    [
        Hello().Encode(), Reply().Encode(), Frame(), new Ack(Id, 9, 7).Encode(),
        new DigestRequest(5, 2, 9, 1 << 20, 4096, 3).Encode(), Digests(), new Ping(77).Encode(MessageKind.Pong),
        new Refused(ReasonCode.StaleEpoch, new Epoch(4), "old").Encode(), new Bye(ReasonCode.None).Encode(),
        (Reply() with { Accepts = FrameAbilities.All }).Encode(), Packed(FrameCompression.Lz4),
        Packed(FrameCompression.Zstd), new Resend([new(2, 4096, 8192), new(0, 0, 1)]).Encode(),
    ];

    // Of a frame the records too, so that what unpacks them is tried.
    private static void Reseal(byte[] message, Prng prng)
    {
        const int head = MessageCodec.HeaderLength + FrameHeader.Length;
        if ((MessageKind)message[4] == MessageKind.Frame && prng.Chance(0.8))
        {
            BinaryPrimitives.WriteInt32LittleEndian(message.AsSpan(head - 20), message.Length - head);
            BinaryPrimitives.WriteUInt32LittleEndian(message.AsSpan(head - 16), Crc32C.Compute(message.AsSpan(head)));
        }
        MessageCodec.Seal(message, (MessageKind)message[4]);
    }

    private static void Decode(ReadOnlyMemory<byte> message, FrameUnpacker unpacker)
    {
        switch (MessageCodec.Open(message, out var payload))
        {
            case MessageKind.Hello: Lifeboat.Replication.Linking.Hello.Decode(payload.Span); break;
            case MessageKind.HelloReply: HelloReply.Decode(payload.Span); break;
            case MessageKind.Frame: unpacker.Open(payload, out _); break;
            case MessageKind.Ack: Ack.Decode(payload.Span); break;
            case MessageKind.DigestRequest: DigestRequest.Decode(payload.Span); break;
            case MessageKind.DigestReply: DigestReply.Decode(payload); break;
            case MessageKind.Ping or MessageKind.Pong: Ping.Decode(payload.Span); break;
            case MessageKind.Refused: Refused.Decode(payload.Span); break;
            case MessageKind.Bye: Bye.Decode(payload.Span); break;
            case MessageKind.Resend: Resend.Decode(payload.Span); break;
        }
    }

    private static byte[] Mutate(byte[] message, Prng prng)
    {
        switch (prng.Next(4))
        {
            case 0:
                return message[..prng.Next(message.Length)];
            case 1:
                return [.. message, .. prng.Bytes(1 + prng.Next(20))];
            default:
                for (var i = prng.Next(1, 5); i > 0; i--)
                    message[prng.Next(message.Length)] = prng.Chance(0.3) ? (byte)0xFF : (byte)prng.NextUInt64();
                return message;
        }
    }

    private static ReadOnlyMemory<byte> Open(byte[] message, MessageKind expected)
    {
        Assert.Equal(expected, MessageCodec.Open(message, out var payload));
        return payload;
    }

    private static Hello Hello() => new("db", new Epoch(3), Id, Guid.Empty, 40,
        [new HelloVolume(0, 1 << 30), new HelloVolume(1, 512)]);

    private static HelloReply Reply() => new(new Epoch(3), Id, Id, 40, 38, true);

    private static byte[] Digests()
    {
        var message = DigestReply.New(5, 3, out var digests);
        for (var i = 0; i < digests.Length; i++) digests.Span[i] = (byte)i;
        MessageCodec.Seal(message, MessageKind.DigestReply);
        return message;
    }

    private static byte[] Frame()
    {
        const int head = MessageCodec.HeaderLength + FrameHeader.Length;
        byte[] data = [1, 2, 3, 4];
        var message = new byte[head + RecordCodec.SizeOf(data.Length)];
        RecordCodec.Write(message.AsSpan(head), RecordHeader.Write(1, 41, 3, 512, data.Length, 1_000_000), data);
        FrameHeader.Seal(message, new Epoch(3), Id, 41, 1);
        return message;
    }

    private static byte[] Packed(FrameCompression compression)
    {
        const int head = MessageCodec.HeaderLength + FrameHeader.Length;
        var raw = new byte[RecordCodec.SizeOf(4096)];
        RecordCodec.Write(raw, RecordHeader.Write(1, 41, 3, 512, 4096, 1_000_000), new byte[4096]);
        using var codecs = new FrameCodecs();
        var message = new byte[head + 4096];
        var length = codecs.Of(compression).Pack(raw, message.AsSpan(head));
        FrameHeader.Seal(message.AsSpan(0, head + length), new Epoch(3), Id, 41, 1, compression, raw.Length);
        return message[..(head + length)];
    }

    private static class Frozen
    {
        public const string HelloReply2 =
            "4C424C4B020001003B000000C30147CC030000000000000000112233445566778899AABBCCDDEEFF0011223344556677" +
            "8899AABBCCDDEEFF28000000000000002600000000000000010600";
        public const string Hello =
            "4C424C4B010001004A000000B9B93A47030000000000000000112233445566778899AABBCCDDEEFF0000000000000000" +
            "000000000000000028000000000000000200646202000000000000400000000001000002000000000000";
        public const string HelloReply =
            "4C424C4B0200010039000000AC5EF089030000000000000000112233445566778899AABBCCDDEEFF0011223344556677" +
            "8899AABBCCDDEEFF2800000000000000260000000000000001";
        public const string Frame =
            "4C424C4B030001008400000049C2D056030000000000000000112233445566778899AABBCCDDEEFF2900000000000000" +
            "0100000000000000440000004400000054CE93F60000000000000000000000004C425243010100000100000004000000" +
            "290000000000000003000000000000000002000000000000040000000000000040420F000000000000000000497D8B9B" +
            "01020304";
        public const string Ack =
            "4C424C4B040001002000000051047B6000112233445566778899AABBCCDDEEFF09000000000000000700000000000000";
        public const string DigestRequest =
            "4C424C4B050001001E00000041647A4D050000000200090000000000000000001000000000000010000003000000";
        public const string DigestReply =
            "4C424C4B060001003800000017D605C20500000003000000000102030405060708090A0B0C0D0E0F1011121314151617" +
            "18191A1B1C1D1E1F202122232425262728292A2B2C2D2E2F";
        public const string Ping = "4C424C4B07000100080000009751A79A4D00000000000000";
        public const string Refused = "4C424C4B090001000F000000826911542E00040000000000000003006F6C64";
        public const string Resend = "4C424C4B0B00010014000000C826921F0100020000100000000000000020000000000000";
        public const string Bye = "4C424C4B0A00010002000000B22708AF0400";
    }
}
