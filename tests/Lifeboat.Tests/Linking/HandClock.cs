// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Tests.Linking;

/// <summary>Stands still unless a test moves it.</summary>
internal sealed class HandClock : TimeProvider
{
    private DateTimeOffset _now = new(2026, 3, 2, 12, 0, 0, TimeSpan.Zero);
    private long _timestamp;

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;
    public override long GetTimestamp() => _timestamp;
    public override DateTimeOffset GetUtcNow() => _now;

    public void Advance(TimeSpan by)
    {
        _now += by;
        _timestamp += by.Ticks;
    }

    /// <summary>The host's clock is set; what was measured goes on.</summary>
    public void Set(DateTimeOffset now) => _now = now;
}
