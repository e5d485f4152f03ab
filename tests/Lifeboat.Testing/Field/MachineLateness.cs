// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Testing.Field;

/// <summary>
/// What the machine itself costs: a thread that sleeps 5 ms at a time and adds up by how much it woke too late; and, of
/// processes it is told to watch, how long the unluckiest of their threads was runnable and got no processor. Of a
/// guest's stall, the greater of the two would have come without us.
/// </summary>
public sealed class MachineLateness : IDisposable
{
    private static readonly TimeSpan Nap = TimeSpan.FromMilliseconds(5);
    // Waking costs this much on an idle machine too.
    private static readonly TimeSpan Usual = TimeSpan.FromMilliseconds(1);

    private readonly TimeProvider _time;
    private readonly Lock _lock = new();
    private readonly List<Late> _late = [];
    private readonly ManualResetEvent _stop = new(false);
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

    /// <summary>All lateness within a window; never more than the window.</summary>
    public TimeSpan Within(DateTimeOffset from, DateTimeOffset to)
    {
        var (woken, queued) = (Woken(from, to), _queues.Within(from, to));
        return woken > queued ? woken : queued;
    }

    private TimeSpan Woken(DateTimeOffset from, DateTimeOffset to)
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

    public void Dispose()
    {
        _stop.Set();
        _thread.Join();
        _stop.Dispose();
    }

    private void Watch()
    {
        while (true)
        {
            var start = _time.GetTimestamp();
            if (_stop.WaitOne(Nap)) return;
            var late = _time.GetElapsedTime(start) - Nap - Usual;
            _queues.Look();
            if (late <= TimeSpan.Zero) continue;
            var now = _time.GetUtcNow();
            lock (_lock) _late.Add(new Late(now - late, now));
        }
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
