// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Replication.Linking.Compression;

/// <summary>Packs the records of a frame and unpacks them. One caller at a time.</summary>
internal interface IFrameCodec : IDisposable
{
    FrameCompression Kind { get; }

    /// <returns>Bytes written; 0: it does not fit into the target.</returns>
    int Pack(ReadOnlySpan<byte> raw, Span<byte> packed);

    /// <summary>
    /// Undoes it. The bytes come from a peer that may be hostile: whatever they are, nothing outside of the two spans
    /// is read or written.
    /// </summary>
    /// <returns>True: they were whole and gave exactly as many bytes as <paramref name="raw"/> has.</returns>
    bool TryUnpack(ReadOnlySpan<byte> packed, Span<byte> raw);
}
