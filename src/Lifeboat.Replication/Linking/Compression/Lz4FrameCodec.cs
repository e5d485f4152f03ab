// SPDX-License-Identifier: Apache-2.0
using K4os.Compression.LZ4;

namespace Lifeboat.Replication.Linking.Compression;

/// <summary>The LZ4 block format, as in https://github.com/lz4/lz4/blob/dev/doc/lz4_Block_format.md.</summary>
internal sealed class Lz4FrameCodec : IFrameCodec
{
    public FrameCompression Kind => FrameCompression.Lz4;

    public int Pack(ReadOnlySpan<byte> raw, Span<byte> packed) =>
        Math.Max(0, LZ4Codec.Encode(raw, packed, LZ4Level.L00_FAST));

    public bool TryUnpack(ReadOnlySpan<byte> packed, Span<byte> raw) => LZ4Codec.Decode(packed, raw) == raw.Length;

    public void Dispose()
    {
        // It keeps nothing.
    }
}
