// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Replication.Linking.Compression;

/// <summary>The codecs of one end of one session, made when they are first needed.</summary>
internal sealed class FrameCodecs : IDisposable
{
    private Lz4FrameCodec? _lz4;
    private ZstdFrameCodec? _zstd;

    public IFrameCodec Of(FrameCompression compression) => compression switch
    {
        FrameCompression.Lz4 => _lz4 ??= new Lz4FrameCodec(),
        FrameCompression.Zstd => _zstd ??= new ZstdFrameCodec(),
        FrameCompression.None => throw new ArgumentOutOfRangeException(nameof(compression)),
    };

    public void Dispose()
    {
        _lz4?.Dispose();
        _zstd?.Dispose();
    }
}
