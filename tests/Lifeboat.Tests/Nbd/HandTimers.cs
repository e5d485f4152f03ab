// SPDX-License-Identifier: Apache-2.0
using System.Collections.Concurrent;

namespace Lifeboat.Tests.Nbd;

/// <summary>Timers that go off when the test says so, and not after they were disposed.</summary>
internal sealed class HandTimers : TimeProvider
{
    private readonly ConcurrentQueue<HandTimer> _timers = [];

    public int Count => _timers.Count;

    public void GoOff()
    {
        foreach (var timer in _timers)
            timer.GoOff();
    }

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new HandTimer(callback, state);
        _timers.Enqueue(timer);
        return timer;
    }

    private sealed class HandTimer(TimerCallback callback, object? state) : ITimer
    {
        private volatile bool _disposed;

        public void GoOff()
        {
            if (!_disposed)
                callback(state);
        }

        public bool Change(TimeSpan dueTime, TimeSpan period) => true;

        public void Dispose() => _disposed = true;

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
