// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection.Links;
using Lifeboat.Replication.Capture;
using Lifeboat.Replication.Linking;
using Lifeboat.Replication.Linking.Compression;
using Lifeboat.Replication.Outbox;

namespace Lifeboat.Replication.Shipping;

/// <summary>
/// Takes records out of the stream and packs them into frames, no faster than the link's and the group's caps allow.
/// </summary>
/// <param name="groupRate">The group's own cap, read anew for each frame.</param>
internal sealed class FrameFeed(CaptureStream stream, LinkShare share, Func<RateCalendar> groupRate,
    FramePacker packer, LinkGauge gauge, TimeProvider time)
{
    private const int FrameMin = 32 << 10;
    private const int ShortFrame = 64 << 10;
    private const int ApartMin = 64 << 10;
    private const int ShortUnderWayMax = 32;
    private static readonly TimeSpan GatherMax = TimeSpan.FromMilliseconds(10);
    private const int HeadLength = MessageParts.HeadLength;
    private readonly byte[] _buffer = GC.AllocateUninitializedArray<byte>(HeadLength + RecordOutbox.ChunkLength);
    private readonly RateCap _groupCap = new(time);
    private readonly Queue<long> _shortUnderWay = new(); // last sequences
    private long _madeAt = time.GetTimestamp();
    private int _frameLength; // of the frame that waits for a cap; 0: none
    private int _headLength;  // of what stands in the buffer
    private ReadOnlyMemory<byte> _body; // the rest
    private long _waitsSince;
    private long _shippedBytes, _wireBytes;

    /// <summary>Bytes of records shipped, and of the frames that they travelled in.</summary>
    public long ShippedBytes => Volatile.Read(ref _shippedBytes);
    public long WireBytes => Volatile.Read(ref _wireBytes);
    public FrameCompression Compression => packer.Current;
    /// <summary>Bytes of records in the last frame.</summary>
    public int RawLength { get; private set; }

    /// <param name="frame">Valid until the next call. Long records stand where the stream has them.</param>
    /// <param name="pause">How long a cap asks to wait; zero: until there is more.</param>
    public bool TryNext(out MessageParts frame, out TimeSpan pause)
    {
        (frame, pause) = (default, TimeSpan.Zero);
        if (_frameLength == 0 && (MustGather(out pause) || !TryMake())) return false;
        pause = Pause();
        if (pause > TimeSpan.Zero) return false;
        frame = new MessageParts(_buffer.AsMemory(0, _headLength), _body);
        share.Spend(_frameLength);
        _groupCap.Spend(_frameLength);
        gauge.Waited(time.GetElapsedTime(_waitsSince));
        Volatile.Write(ref _shippedBytes, _shippedBytes + RawLength);
        Volatile.Write(ref _wireBytes, _wireBytes + _frameLength);
        _frameLength = 0;
        return true;
    }

    /// <summary>The last frame has been taken by the connection.</summary>
    public void Sent(int wireLength, TimeSpan took) => gauge.Sent(RawLength, wireLength, took);

    /// <summary>The frame that was given last, in one piece.</summary>
    public ReadOnlyMemory<byte> Whole()
    {
        _body.CopyTo(_buffer.AsMemory(_headLength));
        return _buffer.AsMemory(0, _headLength + _body.Length);
    }

    private bool TryMake()
    {
        // On a slow link a frame is no more than it takes in a quarter of a second: keepalive and others wait for it.
        var bytesMax = (int)Math.Clamp(0.25 / gauge.SecondsPerByte, FrameMin, RecordOutbox.ChunkLength);
        if (!stream.TryTake(bytesMax, out var run)) return false;
        var (compression, length) = packer.Pack(run.Records.Span, _buffer.AsSpan(HeadLength));
        RawLength = run.Records.Length;
        var (packed, apart) = (compression != FrameCompression.None, length >= ApartMin);
        if (!packed && !apart) run.Records.CopyTo(_buffer.AsMemory(HeadLength));
        _body = packed || !apart ? default : run.Records;
        FrameHeader.Seal(_buffer.AsSpan(0, HeadLength), _body.IsEmpty ? _buffer.AsSpan(HeadLength, length) : _body.Span,
            stream.Epoch, stream.StreamId, run.First, run.Count, compression, RawLength);
        _frameLength = HeadLength + length;
        _headLength = _frameLength - _body.Length;
        _madeAt = _waitsSince = time.GetTimestamp();
        if (RawLength < ShortFrame) _shortUnderWay.Enqueue(run.Last);
        return true;
    }

    // A recovery site pays for every frame, and buffers between us and it hold many of them when they pack well: it
    // must not fall behind for the sake of single writes. So when many short frames are under way more is gathered
    // into one.
    private bool MustGather(out TimeSpan pause)
    {
        pause = TimeSpan.Zero;
        var durable = stream.DurableSequence;
        while (_shortUnderWay.TryPeek(out var last) && last <= durable) _shortUnderWay.Dequeue();
        if (_shortUnderWay.Count < ShortUnderWayMax || RawLength >= ShortFrame) return false;
        var left = GatherMax - time.GetElapsedTime(_madeAt);
        if (left <= TimeSpan.Zero) return false;
        pause = TimeSpan.FromMilliseconds(Math.Ceiling(left.TotalMilliseconds)); // timers know nothing finer
        return true;
    }

    // The least of the caps wins: whoever has a debt is waited for.
    private TimeSpan Pause()
    {
        var group = _groupCap.Pause(groupRate().At(time.GetUtcNow()));
        if (group > TimeSpan.Zero) return group;
        return share.Ask();
    }
}
