// SPDX-License-Identifier: Apache-2.0
using System.Runtime.InteropServices;
using Lifeboat.Replication.Linking;
using Lifeboat.Replication.Linking.Compression;
using Lifeboat.Testing;

namespace Lifeboat.Tests.Linking;

/// <summary>Against the reference libraries, both ways, where the machine has them.</summary>
public sealed unsafe class NativeCodecTests
{
    [Fact]
    public void Lz4_blocks_are_liblz4s_and_liblz4s_are_ours()
    {
        if (!NativeLibrary.TryLoad("liblz4.so.1", out var lz4)) Assert.Skip("no liblz4.so.1 on this machine");
        var pack = (delegate* unmanaged<byte*, byte*, int, int, int>)NativeLibrary.GetExport(lz4,
            "LZ4_compress_default");
        var unpack = (delegate* unmanaged<byte*, byte*, int, int, int>)NativeLibrary.GetExport(lz4,
            "LZ4_decompress_safe");
        Compare(new Lz4FrameCodec(), (from, to) =>
        {
            fixed (byte* f = from)
            fixed (byte* t = to) return pack(f, t, from.Length, to.Length);
        }, (from, to) =>
        {
            fixed (byte* f = from)
            fixed (byte* t = to) return unpack(f, t, from.Length, to.Length);
        });
    }

    [Fact]
    public void Zstandard_frames_are_libzstds_and_libzstds_are_ours()
    {
        if (!NativeLibrary.TryLoad("libzstd.so.1", out var zstd)) Assert.Skip("no libzstd.so.1 on this machine");
        var pack = (delegate* unmanaged<byte*, nint, byte*, nint, int, nint>)NativeLibrary.GetExport(zstd,
            "ZSTD_compress");
        var unpack = (delegate* unmanaged<byte*, nint, byte*, nint, nint>)NativeLibrary.GetExport(zstd,
            "ZSTD_decompress");
        Compare(new ZstdFrameCodec(), (from, to) =>
        {
            fixed (byte* f = from)
            fixed (byte* t = to) return (int)pack(t, to.Length, f, from.Length, 3);
        }, (from, to) =>
        {
            fixed (byte* f = from)
            fixed (byte* t = to) return (int)unpack(t, to.Length, f, from.Length);
        });
    }

    private static void Compare(IFrameCodec ours, Func<byte[], byte[], int> pack, Func<byte[], byte[], int> unpack)
    {
        using var owned = ours;
        var prng = new Prng(17);
        for (var round = 0; round < 200; round++)
        {
            var raw = FrameContent.Any(prng, prng.Pick<int>([1, 13, 4160, 65_536, 256 << 10]));
            var packed = new byte[raw.Length + raw.Length / 100 + 1000];
            var back = new byte[raw.Length];
            var length = ours.Pack(raw, packed);
            Assert.Equal(raw.Length, unpack(packed[..length], back));
            Assert.Equal(raw, back);
            back.AsSpan().Clear();
            length = pack(raw, packed);
            Assert.True(ours.TryUnpack(packed.AsSpan(0, length), back), $"round {round}");
            Assert.Equal(raw, back);
        }
    }
}
