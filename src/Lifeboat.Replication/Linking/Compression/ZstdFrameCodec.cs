// SPDX-License-Identifier: Apache-2.0
using ZstdSharp;

namespace Lifeboat.Replication.Linking.Compression;

/// <summary>One Zstandard frame (RFC 8878), level 1: the others gain little here and cost much.</summary>
internal sealed class ZstdFrameCodec : IFrameCodec
{
    private const int Level = 1;

    // Either side of a link needs only one of them, and each holds about a megabyte.
    private Compressor? _compressor;
    private Decompressor? _decompressor;

    public FrameCompression Kind => FrameCompression.Zstd;

    public int Pack(ReadOnlySpan<byte> raw, Span<byte> packed)
    {
        _compressor ??= new Compressor(Level);
        return _compressor.TryWrap(raw, packed, out var written) ? written : 0;
    }

    public bool TryUnpack(ReadOnlySpan<byte> packed, Span<byte> raw)
    {
        _decompressor ??= new Decompressor();
        try
        {
            return _decompressor.TryUnwrap(packed, raw, out var written) && written == raw.Length;
        }
        catch (ZstdException)
        {
            return false; // no Zstandard frame, or a damaged one
        }
    }

    public void Dispose()
    {
        _compressor?.Dispose();
        _decompressor?.Dispose();
    }
}
