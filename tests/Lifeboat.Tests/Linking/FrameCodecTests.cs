// SPDX-License-Identifier: Apache-2.0
using System.Text;
using Lifeboat.Replication.Linking;
using Lifeboat.Replication.Linking.Compression;
using Lifeboat.Testing;
using Lifeboat.Testing.Nbd;

namespace Lifeboat.Tests.Linking;

public sealed class FrameCodecTests
{
    private const byte Guard = 0xA5;
    private const int GuardLength = 4096;

    public static TheoryData<FrameCompression> Kinds => [FrameCompression.Lz4, FrameCompression.Zstd];

    [Theory]
    [MemberData(nameof(Kinds))]
    public void What_was_packed_is_unpacked(FrameCompression kind)
    {
        using var codecs = new FrameCodecs();
        var codec = codecs.Of(kind);
        var prng = new Prng(7);
        for (var round = 0; round < 400; round++)
        {
            var raw = FrameContent.Any(prng, prng.Pick<int>([1, 12, 13, 511, 4160, 70_000, 256 << 10]));
            var packed = Pack(codec, raw);
            var back = new byte[raw.Length];
            Assert.True(codec.TryUnpack(packed, back), $"round {round}");
            Assert.Equal(raw, back);
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void What_does_not_fit_is_not_packed_and_nothing_is_written_behind_the_target(FrameCompression kind)
    {
        using var codecs = new FrameCodecs();
        var codec = codecs.Of(kind);
        var prng = new Prng(8);
        for (var round = 0; round < 200; round++)
        {
            var raw = FrameContent.Any(prng, 20_000);
            var packed = Pack(codec, raw);
            var room = prng.Next(packed.Length + 1);
            var target = Guarded(room);
            var length = codec.Pack(raw, target.AsSpan(GuardLength, room));
            Assert.True(length <= room);
            AssertGuards(target, room);
            if (room < packed.Length / 2) Assert.Equal(0, length);
        }
        Assert.Equal(0, codec.Pack(prng.Bytes(65536), new byte[60_000]));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Whatever_a_peer_sends_nothing_outside_of_its_bytes_and_the_target_is_touched(FrameCompression kind)
    {
        using GuardedBytes from = new(16 << 10), to = new(16 << 10);
        using var codecs = new FrameCodecs();
        var codec = codecs.Of(kind);
        var prng = new Prng(9);
        var mutator = new ByteMutator(prng);
        var refused = 0;
        for (var round = 0; round < 8_000; round++)
        {
            var raw = FrameContent.Any(prng, prng.Next(1, 6000));
            var packed = round % 4 == 0 ? prng.Bytes(prng.Next(1, 200)) : mutator.Mutate(Pack(codec, raw));
            var length = round % 3 == 0 ? prng.Next(1, 8000) : raw.Length;
            var source = round % 2 == 0 ? from.Last(packed.Length) : from.First(packed.Length);
            packed.CopyTo(source);
            if (!codec.TryUnpack(source, round % 5 < 3 ? to.Last(length) : to.First(length))) refused++;
        }
        Assert.InRange(refused, 4_000, 8_000);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Another_length_than_was_said_is_refused(FrameCompression kind)
    {
        using var codecs = new FrameCodecs();
        var codec = codecs.Of(kind);
        var packed = Pack(codec, FrameContent.Text(5000));
        Assert.True(codec.TryUnpack(packed, new byte[5000]));
        Assert.False(codec.TryUnpack(packed, new byte[4999]));
        Assert.False(codec.TryUnpack(packed, new byte[5001]));
        Assert.False(codec.TryUnpack(packed.AsSpan(0, packed.Length - 1), new byte[5000]));
        Assert.False(codec.TryUnpack([], new byte[1]));
    }

    // Written by hand from the published block format: token, literals, offset, token, literals.
    [Fact]
    public void An_lz4_block_written_by_hand_is_understood()
    {
        byte[] block = [0x1A, (byte)'a', 1, 0, 0x50, .. "aaaaa"u8];
        using var codec = new Lz4FrameCodec();
        var raw = new byte[20];
        Assert.True(codec.TryUnpack(block, raw));
        Assert.Equal(new string('a', 20), Encoding.ASCII.GetString(raw));
        // The same with a match that begins before the output does.
        block[2] = 2;
        Assert.False(codec.TryUnpack(block, raw));
    }

    private static byte[] Pack(IFrameCodec codec, byte[] raw)
    {
        var target = new byte[raw.Length + raw.Length / 100 + 1000];
        var length = codec.Pack(raw, target);
        Assert.InRange(length, 1, target.Length);
        return target[..length];
    }

    private static byte[] Guarded(int length)
    {
        var guarded = new byte[GuardLength + length + GuardLength];
        guarded.AsSpan(0, GuardLength).Fill(Guard);
        guarded.AsSpan(GuardLength + length).Fill(Guard);
        return guarded;
    }

    private static void AssertGuards(byte[] guarded, int length)
    {
        Assert.False(guarded.AsSpan(0, GuardLength).ContainsAnyExcept(Guard), "written before the target");
        Assert.False(guarded.AsSpan(GuardLength + length).ContainsAnyExcept(Guard), "written behind the target");
    }
}
