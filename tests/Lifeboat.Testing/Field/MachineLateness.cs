// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Testing.Field;

/// <summary>
/// What the machine itself costs: a thread that sleeps 5 ms at a time and adds up by how much it woke too late; and, of
/// processes it is told to watch, how long the unluckiest of their threads was runnable and got no processor; and, if
/// it is told to, by how much a task of this process came too late. Of a guest's stall, the greatest of them would have
/// come without us.
/// </summary>
public sealed class MachineLateness : IDisposable
{
    private static readonly TimeSpan Nap = TimeSpan.FromMilliseconds(5);
    // Waking costs this much on an idle machine too.
    private static readonly TimeSpan Usual = TimeSpan.FromMilliseconds(1);

    private readonly TimeProvider _time;
    private readonly LateTimes _woken = new(), _pooled = new();
    private readonly ManualResetEvent _stop = new(false);
    private readonly CancellationTokenSource _stopPool = new();
    private readonly Thread _thread;
    private readonly RunQueueDelay _queues;

    public MachineLateness(TimeProvider time)
    {
        (_time, _queues) = (time, new RunQueueDelay(time));
        _thread = new Thread(Watch) { IsBackground = true, Name = "machine-lateness" };
        _thread.Start();
    }

    /// <summary>The threads of this process, e.g. a QEMU, count as well from now on.</summary>
    public void AlsoWatch(int process) => _queues.Watch(process);

    /// <summary>For whoever measures with tasks: tests beside it may hold the threads that these run on.</summary>
    public void AlsoWatchTasks() => _ = WatchTasksAsync(_stopPool.Token);

    /// <summary>All lateness within a window; never more than the window.</summary>
    public TimeSpan Within(DateTimeOffset from, DateTimeOffset to) =>
        new[] { _woken.Within(from, to), _pooled.Within(from, to), _queues.Within(from, to) }.Max();

    public TimeSpan Longest(DateTimeOffset from, DateTimeOffset to) => _woken.Longest(from, to);

    public void Dispose()
    {
        _stop.Set();
        _stopPool.Cancel();
        _thread.Join();
        _stop.Dispose();
        _stopPool.Dispose();
    }

    private void Watch()
    {
        while (true)
        {
            var start = _time.GetTimestamp();
            if (_stop.WaitOne(Nap)) return;
            Note(_woken, start);
            _queues.Look();
        }
    }

    private async Task WatchTasksAsync(CancellationToken ct)
    {
        while (!ct.IsCancellationRequested)
        {
            var start = _time.GetTimestamp();
            await Task.Delay(Nap, _time, CancellationToken.None);
            Note(_pooled, start);
        }
    }

    private void Note(LateTimes times, long start)
    {
        var late = _time.GetElapsedTime(start) - Nap - Usual;
        if (late <= TimeSpan.Zero) return;
        var now = _time.GetUtcNow();
        times.Add(now - late, now);
    }

    /// <summary>Windows that do not overlap, in the order of time.</summary>
    private sealed class LateTimes
    {
        private readonly Lock _lock = new();
        private readonly List<Late> _late = [];

        public void Add(DateTimeOffset from, DateTimeOffset to)
        {
            lock (_lock) _late.Add(new Late(from, to));
        }

        public TimeSpan Within(DateTimeOffset from, DateTimeOffset to)
        {
            var sum = TimeSpan.Zero;
            lock (_lock)
            {
                for (var i = FirstEndingAfter(from); i < _late.Count && _late[i].From < to; i++)
                {
                    var (start, end) = (_late[i].From, _late[i].To);
                    sum += (end < to ? end : to) - (start > from ? start : from);
                }
            }
            return sum;
        }

        public TimeSpan Longest(DateTimeOffset from, DateTimeOffset to)
        {
            lock (_lock)
                return _late.Skip(FirstEndingAfter(from)).TakeWhile(l => l.From < to)
                    .Select(l => l.To - l.From).DefaultIfEmpty().Max();
        }

        private int FirstEndingAfter(DateTimeOffset moment)
        {
            int low = 0, high = _late.Count;
            while (low < high)
            {
                var middle = (low + high) / 2;
                if (_late[middle].To > moment) high = middle;
                else low = middle + 1;
            }
            return low;
        }

        private readonly record struct Late(DateTimeOffset From, DateTimeOffset To);
    }
}
