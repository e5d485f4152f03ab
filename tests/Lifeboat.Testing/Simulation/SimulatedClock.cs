// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Testing.Simulation;

/// <summary>The clock that one simulated process sees: the world's time plus the error of its host.</summary>
public sealed class SimulatedClock(SimulatedProcess process, TimeSpan skew) : TimeProvider
{
    public static readonly DateTimeOffset Epoch = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;
    public override TimeZoneInfo LocalTimeZone => TimeZoneInfo.Utc;
    public TimeSpan Skew => skew;

    public override long GetTimestamp() => process.Scheduler.Now;

    public override DateTimeOffset GetUtcNow()
    {
        process.Scheduler.AssertInside();
        return Epoch.AddTicks(process.Scheduler.Now) + skew;
    }

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
        new SimulatedTimer(process, callback, state, dueTime, period);

    public Task DelayAsync(TimeSpan delay) => Task.Delay(delay, this);
}
