// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Replication.Shipping;

namespace Lifeboat.Replication.Linking;

// One session's use of a connection: a single writer that sends what is posted before what is asked for, a single
// reader, and keepalive in both directions. Whoever runs it ends all three together.
internal sealed class LinkPump(ILinkConnection connection, LinkTimings timings, TimeProvider time, Signal toSend)
{
    // A peer that never reads must not make us collect answers for it without bound.
    private const int PostedMax = 256;
    private const int ShortFrame = 64 << 10;

    private readonly Lock _gate = new();
    private readonly Queue<(byte[] Message, TaskCompletionSource? Sent)> _posted = new();
    private long _heard = time.GetTimestamp();
    private volatile bool _listening;

    public void Post(byte[] message) => Enqueue(message, null);

    /// <summary>Posts the last words of a session and gives them a moment to leave.</summary>
    public async Task PostLastAsync(byte[] message, CancellationToken ct)
    {
        var sent = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Enqueue(message, sent);
        await Waiting.ForAsync(sent.Task.ArriveAsync, timings.PingInterval, time, ct);
    }

    /// <summary>
    /// Sends until cancelled. Waits on the signal that also says when <paramref name="frames"/> has more.
    /// </summary>
    public async Task SendAllAsync(FrameFeed? frames, CancellationToken ct)
    {
        var drained = true; // nothing was sent since we last waited for more
        while (true)
        {
            if (TryTakePosted(out var message, out var sent))
            {
                await connection.SendAsync(message, ct);
                sent?.TrySetResult();
                continue;
            }
            var pause = TimeSpan.Zero;
            if (frames?.TryNext(out var frame, out pause) == true)
            {
                var began = time.GetTimestamp();
                var length = frame.Head.Length + frame.Body.Length;
                if (frame.Body.IsEmpty) await connection.SendAsync(frame.Head, ct);
                else if (connection is ITwoPartConnection parts) await parts.SendAsync(frame.Head, frame.Body, ct);
                else await connection.SendAsync(frames.Whole(), ct);
                frames.Sent(length, time.GetElapsedTime(began));
                // By what it holds: a long run of records may pack well.
                var isShort = frames.RawLength < ShortFrame;
                drained = isShort || timings.Gather == TimeSpan.Zero;
                if (isShort && timings.Gather > TimeSpan.Zero) await Task.Delay(timings.Gather, time, ct);
                continue;
            }
            if (!drained && pause == TimeSpan.Zero)
            {
                // Writers that need not wake us for each of their long writes are faster.
                drained = true;
                await Task.Delay(timings.Gather, time, ct);
                continue;
            }
            drained = true;
            if (pause > TimeSpan.Zero) await toSend.WaitAsync(pause, time, ct);
            else await toSend.WaitAsync(ct);
        }
    }

    /// <summary>
    /// The next message that is not keepalive; null when the peer closed. The payload is valid until the next call.
    /// </summary>
    public ValueTask<LinkMessage?> ReceiveAsync(CancellationToken ct) => ReceiveAsync(null, ct);

    /// <inheritdoc cref="ReceiveAsync(CancellationToken)"/>
    /// <param name="place">Where the records of a frame are to be put, if the connection can.</param>
    public async ValueTask<LinkMessage?> ReceiveAsync(PlaceBody? place, CancellationToken ct)
    {
        // While the last message is worked on nobody reads, and what the peer says meanwhile waits in the socket: only
        // silence in which we listened is the peer's.
        Volatile.Write(ref _heard, time.GetTimestamp());
        _listening = true;
        try
        {
            while (true)
            {
                if (await NextAsync(place, ct) is not { } message) return null;
                var kind = MessageCodec.Open(message, out var payload);
                if (kind == MessageKind.Ping) Post(Ping.Decode(payload.Span).Encode(MessageKind.Pong));
                else if (kind == MessageKind.Pong) Ping.Decode(payload.Span);
                else return new LinkMessage(kind, payload, message.Body);
            }
        }
        finally
        {
            _listening = false;
        }
    }

    private async ValueTask<MessageParts?> NextAsync(PlaceBody? place, CancellationToken ct)
    {
        if (place is not null && connection is ITwoPartConnection parts) return await parts.ReceiveAsync(place, ct);
        return await connection.ReceiveAsync(ct) is { } message ? new MessageParts(message, default) : null;
    }

    /// <exception cref="LinkException">Broken: nothing was heard for too long.</exception>
    public async Task KeepAliveAsync(CancellationToken ct)
    {
        var bytes = connection.ReceivedBytes;
        for (var value = 1L; ; value++)
        {
            await Task.Delay(timings.PingInterval, time, ct);
            // Bytes of a message that is not whole yet count too: on a slow link they are the only sign.
            if (connection.ReceivedBytes is var now && now != bytes)
            {
                bytes = now;
                Volatile.Write(ref _heard, time.GetTimestamp());
            }
            var silence = time.GetElapsedTime(Volatile.Read(ref _heard));
            if (_listening && silence >= timings.DeadAfter)
                throw new LinkException(LinkFault.Broken, $"nothing heard for {silence.TotalSeconds:F1} s");
            Post(new Ping(value).Encode(MessageKind.Ping));
        }
    }

    private void Enqueue(byte[] message, TaskCompletionSource? sent)
    {
        lock (_gate)
        {
            if (_posted.Count >= PostedMax)
                throw new LinkException(LinkFault.Broken, $"the peer left {PostedMax} messages unread");
            _posted.Enqueue((message, sent));
        }
        toSend.Set();
    }

    private bool TryTakePosted(out byte[] message, out TaskCompletionSource? sent)
    {
        lock (_gate)
        {
            var taken = _posted.TryDequeue(out var posted);
            (message, sent) = posted;
            return taken;
        }
    }
}

/// <param name="Body">The rest of the payload, when it was put elsewhere.</param>
internal readonly record struct LinkMessage(
    MessageKind Kind, ReadOnlyMemory<byte> Payload, ReadOnlyMemory<byte> Body);
