// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Replication.Linking;

/// <summary>
/// A token bucket of half a second's worth. What is sent may overdraw it: the debt is waited for afterwards. The rate
/// may be another one each time. Not thread-safe.
/// </summary>
internal sealed class RateCap(TimeProvider time)
{
    // A longer debt is looked at again after this: the rate may have risen meanwhile.
    private static readonly TimeSpan PauseMax = TimeSpan.FromMilliseconds(250);
    private double _tokens;
    private long _filled = time.GetTimestamp();

    /// <param name="bytesPerSecond">Null: no cap.</param>
    public TimeSpan Pause(long? bytesPerSecond)
    {
        var now = time.GetTimestamp();
        var passed = time.GetElapsedTime(_filled, now).TotalSeconds;
        _filled = now;
        if (bytesPerSecond is not { } rate)
        {
            _tokens = 0;
            return TimeSpan.Zero;
        }
        _tokens = Math.Min(rate / 2.0, _tokens + rate * passed);
        if (_tokens > 0) return TimeSpan.Zero;
        // Whole milliseconds: timers know nothing finer.
        var pause = TimeSpan.FromMilliseconds(Math.Ceiling(1 + 1000 * -_tokens / rate));
        return pause < PauseMax ? pause : PauseMax;
    }

    public void Spend(int bytes) => _tokens -= bytes;
}
