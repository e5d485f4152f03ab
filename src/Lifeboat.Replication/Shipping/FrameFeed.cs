// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Replication.Capture;
using Lifeboat.Replication.Linking;
using Lifeboat.Replication.Linking.Compression;
using Lifeboat.Replication.Outbox;

namespace Lifeboat.Replication.Shipping;

/// <summary>Takes records out of the stream and packs them into frames, no faster than the cap.</summary>
internal sealed class FrameFeed(CaptureStream stream, RateCap cap, FramePacker packer, LinkGauge gauge)
{
    private const int HeadLength = MessageCodec.HeaderLength + FrameHeader.Length;
    private readonly byte[] _buffer = GC.AllocateUninitializedArray<byte>(HeadLength + RecordOutbox.ChunkLength);
    private long _shippedBytes, _wireBytes;

    /// <summary>Bytes of records shipped, and of the frames that they travelled in.</summary>
    public long ShippedBytes => Volatile.Read(ref _shippedBytes);
    public long WireBytes => Volatile.Read(ref _wireBytes);
    public FrameCompression Compression => packer.Current;
    /// <summary>Bytes of records in the last frame.</summary>
    public int RawLength { get; private set; }

    /// <param name="frame">Valid until the next call.</param>
    /// <param name="pause">How long the cap asks to wait; zero: until there is more.</param>
    public bool TryNext(out ReadOnlyMemory<byte> frame, out TimeSpan pause)
    {
        frame = default;
        pause = cap.Pause();
        if (pause > TimeSpan.Zero || !stream.TryTake(RecordOutbox.ChunkLength, out var run)) return false;
        var (compression, length) = packer.Pack(run.Records.Span, _buffer.AsSpan(HeadLength));
        frame = _buffer.AsMemory(0, HeadLength + length);
        RawLength = run.Records.Length;
        FrameHeader.Seal(_buffer.AsSpan(0, frame.Length), stream.Epoch, stream.StreamId, run.First, run.Count,
            compression, RawLength);
        cap.Spend(frame.Length);
        Volatile.Write(ref _shippedBytes, _shippedBytes + RawLength);
        Volatile.Write(ref _wireBytes, _wireBytes + frame.Length);
        return true;
    }

    /// <summary>The last frame has been taken by the connection.</summary>
    public void Sent(int wireLength, TimeSpan took) => gauge.Sent(RawLength, wireLength, took);
}
