// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Testing.Field;

/// <summary>One direction of a line: its rate is shared by all connections, and its silence holds for all.</summary>
internal sealed class ProxyLane(LinkProxy proxy, bool forth, TimeProvider time)
{
    private readonly Lock _lock = new();
    private long _freeAt;
    private long _bytes;

    private int _flips;

    public long Bytes => Volatile.Read(ref _bytes);

    public TimeSpan Delay => proxy.Conditions.Delay;

    /// <summary>Pieces stay short on a slow line: a long one would sit on it for seconds.</summary>
    public int PieceMax => proxy.Conditions.BytesPerSecond is { } rate
        ? (int)Math.Clamp(rate / 50, 512, 16 << 10) : 64 << 10;

    public void AskFlip() => Interlocked.Increment(ref _flips);

    public bool IsFlipAsked => Volatile.Read(ref _flips) > 0;

    /// <summary>Turns one bit of a piece over, if that was asked for.</summary>
    public void Flip(Span<byte> piece)
    {
        if (piece.IsEmpty || Interlocked.Decrement(ref _flips) < 0)
        {
            if (!piece.IsEmpty) Interlocked.Increment(ref _flips);
            return;
        }
        piece[piece.Length / 2] ^= 0x10;
    }

    /// <summary>Waits until a piece that came in at this time may leave.</summary>
    public async Task PassAsync(int bytes, long cameAt, CancellationToken ct)
    {
        while (true)
        {
            var (now, changed) = proxy.Look();
            if (!(forth ? now.SilentForth : now.SilentBack)) break;
            await changed.WaitAsync(ct);
        }
        await UntilAsync(cameAt + Ticks(Delay.TotalSeconds), ct);
        if (proxy.Conditions.BytesPerSecond is { } rate)
        {
            long leave;
            lock (_lock)
            {
                _freeAt = Math.Max(_freeAt, time.GetTimestamp()) + Ticks((double)bytes / rate);
                leave = _freeAt;
            }
            await UntilAsync(leave, ct);
        }
        Interlocked.Add(ref _bytes, bytes);
    }

    private async Task UntilAsync(long timestamp, CancellationToken ct)
    {
        var wait = time.GetElapsedTime(time.GetTimestamp(), timestamp);
        // A timer counts whole milliseconds.
        if (wait >= TimeSpan.FromMilliseconds(1)) await Task.Delay(wait, time, ct);
    }

    private long Ticks(double seconds) => (long)(seconds * time.TimestampFrequency);
}
