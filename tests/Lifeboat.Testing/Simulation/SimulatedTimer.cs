// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Testing.Simulation;

/// <summary>A timer of one simulated process; it dies with the process.</summary>
public sealed class SimulatedTimer : ITimer
{
    private readonly SimulatedProcess _process;
    private readonly TimerCallback _callback;
    private readonly object? _state;
    private long _period = -1;
    private int _version;

    public SimulatedTimer(SimulatedProcess process, TimerCallback callback, object? state, TimeSpan due,
        TimeSpan period)
    {
        (_process, _callback, _state) = (process, callback, state);
        Change(due, period);
    }

    public bool Change(TimeSpan dueTime, TimeSpan period)
    {
        _version++;
        _period = period > TimeSpan.Zero ? period.Ticks : -1;
        if (dueTime != Timeout.InfiniteTimeSpan)
            _process.Scheduler.Arm(this, _process.Scheduler.Now + Math.Max(dueTime.Ticks, 0), _version);
        return true;
    }

    public void Dispose() => _version++;

    public ValueTask DisposeAsync()
    {
        Dispose();
        return ValueTask.CompletedTask;
    }

    internal void Release(int version)
    {
        if (version != _version || !_process.Alive) return;
        _process.Post(static timer => ((SimulatedTimer)timer!).Fire(), this);
    }

    private void Fire()
    {
        if (_period > 0) _process.Scheduler.Arm(this, _process.Scheduler.Now + _period, _version);
        _callback(_state);
    }
}
