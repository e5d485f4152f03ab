// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Replication.Shipping;

/// <summary>
/// A token bucket of half a second's worth. What is sent may overdraw it: the debt is waited for afterwards.
/// </summary>
internal sealed class RateCap(long? bytesPerSecond, TimeProvider time)
{
    private double _tokens;
    private long _filled = time.GetTimestamp();

    public TimeSpan Pause()
    {
        if (bytesPerSecond is not { } rate) return TimeSpan.Zero;
        var now = time.GetTimestamp();
        _tokens = Math.Min(rate / 2.0, _tokens + rate * time.GetElapsedTime(_filled, now).TotalSeconds);
        _filled = now;
        // Whole milliseconds: timers know nothing finer.
        return _tokens > 0 ? TimeSpan.Zero : TimeSpan.FromMilliseconds(Math.Ceiling(1 + 1000 * -_tokens / rate));
    }

    public void Spend(int bytes) => _tokens -= bytes;
}
