// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Replication.Linking.Compression;

/// <summary>Takes the frames of one session apart. One caller at a time.</summary>
/// <param name="accepted">What this side has said it can undo.</param>
internal sealed class FrameUnpacker(FrameAbilities accepted) : IDisposable
{
    private readonly FrameCodecs _codecs = new();
    private byte[] _raw = [];

    /// <param name="records">Valid until the next call, and as long as the payload is.</param>
    /// <exception cref="LinkException">
    /// Protocol: a field is not what it can be, or the records are damaged or packed as was not agreed.
    /// </exception>
    public FrameHeader Open(ReadOnlyMemory<byte> payload, out ReadOnlyMemory<byte> records) =>
        Open(payload, default, out records);

    /// <inheritdoc cref="Open(ReadOnlyMemory{byte}, out ReadOnlyMemory{byte})"/>
    /// <param name="body">Where the records stand, when not in the payload.</param>
    public FrameHeader Open(
        ReadOnlyMemory<byte> payload, ReadOnlyMemory<byte> body, out ReadOnlyMemory<byte> records)
    {
        var frame = FrameHeader.Decode(payload, body, out records);
        if (frame.Compression == FrameCompression.None) return frame;
        if (!accepted.Includes(frame.Compression))
            throw MessageCodec.Fault($"{frame.Compression} records, which was not agreed");
        // Bounded by FrameHeader.RawMax.
        if (_raw.Length < frame.RawLength) _raw = GC.AllocateUninitializedArray<byte>(frame.RawLength);
        var raw = _raw.AsMemory(0, frame.RawLength);
        if (!_codecs.Of(frame.Compression).TryUnpack(records.Span, raw.Span))
            throw MessageCodec.Fault($"{frame.Compression} records that do not give {frame.RawLength} bytes");
        records = raw;
        return frame;
    }

    public void Dispose() => _codecs.Dispose();
}
