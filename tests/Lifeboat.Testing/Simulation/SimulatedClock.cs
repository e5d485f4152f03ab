// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Testing.Simulation;

/// <summary>The clock that one simulated process sees: the world's time plus the error of its host.</summary>
public sealed class SimulatedClock(SimulatedProcess process, HostTime time) : TimeProvider
{
    public static readonly DateTimeOffset Epoch = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;
    public override TimeZoneInfo LocalTimeZone => TimeZoneInfo.Utc;

    public override long GetTimestamp()
    {
        process.Scheduler.AssertInside();
        return process.Scheduler.Now;
    }

    public override DateTimeOffset GetUtcNow()
    {
        process.Scheduler.AssertInside();
        return Epoch.AddTicks(process.Scheduler.Now) + time.Error;
    }

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
        new SimulatedTimer(process, callback, state, dueTime, period);

    /// <summary>Exact, where Task.Delay knows whole milliseconds only.</summary>
    public Task DelayAsync(TimeSpan delay)
    {
        var over = new TaskCompletionSource();
        _ = new SimulatedTimer(process, static o => ((TaskCompletionSource)o!).TrySetResult(), over, delay,
            Timeout.InfiniteTimeSpan);
        return over.Task;
    }

    public Task DelayAsync(TimeSpan delay, CancellationToken ct) =>
        ct.CanBeCanceled ? DelayAsync(delay).WaitAsync(ct) : DelayAsync(delay);
}
