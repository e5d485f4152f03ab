// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Replication.Capture;
using Lifeboat.Replication.Linking;
using Lifeboat.Replication.Outbox;

namespace Lifeboat.Replication.Shipping;

/// <summary>Takes records out of the stream and packs them into frames, no faster than the cap.</summary>
internal sealed class FrameFeed(CaptureStream stream, RateCap cap)
{
    private const int HeadLength = MessageCodec.HeaderLength + FrameHeader.Length;
    private readonly byte[] _buffer = GC.AllocateUninitializedArray<byte>(HeadLength + RecordOutbox.ChunkLength);
    private long _shippedBytes;

    public long ShippedBytes => Volatile.Read(ref _shippedBytes);

    /// <param name="frame">Valid until the next call.</param>
    /// <param name="pause">How long the cap asks to wait; zero: until there is more.</param>
    public bool TryNext(out ReadOnlyMemory<byte> frame, out TimeSpan pause)
    {
        frame = default;
        pause = cap.Pause();
        if (pause > TimeSpan.Zero || !stream.TryTake(RecordOutbox.ChunkLength, out var run)) return false;
        run.Records.CopyTo(_buffer.AsMemory(HeadLength));
        frame = _buffer.AsMemory(0, HeadLength + run.Records.Length);
        FrameHeader.Seal(_buffer.AsSpan(0, frame.Length), stream.Epoch, stream.StreamId, run.First, run.Count);
        cap.Spend(frame.Length);
        Volatile.Write(ref _shippedBytes, _shippedBytes + run.Records.Length);
        return true;
    }
}
