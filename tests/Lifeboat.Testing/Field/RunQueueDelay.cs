// SPDX-License-Identifier: Apache-2.0
using System.Globalization;

namespace Lifeboat.Testing.Field;

/// <summary>
/// How long threads of watched processes waited for a processor: the second number of `/proc/PID/task/TID/schedstat`,
/// nanoseconds, looked at 20 times a second. Where the kernel does not count it, it is nothing.
/// </summary>
internal sealed class RunQueueDelay(TimeProvider time)
{
    private static readonly TimeSpan LookEvery = TimeSpan.FromMilliseconds(50);
    private readonly Lock _lock = new();
    private readonly List<int> _processes = [];
    private readonly Dictionary<string, long> _before = new(StringComparer.Ordinal);
    private readonly List<Sample> _samples = [];
    private DateTimeOffset _looked = time.GetUtcNow();

    public void Watch(int process)
    {
        lock (_lock)
        {
            _processes.RemoveAll(p => !Directory.Exists($"/proc/{p}"));
            _processes.Add(process);
        }
    }

    /// <summary>To be called often; looks when it is time.</summary>
    public void Look()
    {
        var now = time.GetUtcNow();
        if (now - _looked < LookEvery) return;
        lock (_lock)
        {
            var worst = 0L;
            foreach (var process in _processes) worst = Math.Max(worst, Waited(process));
            if (worst > 0) _samples.Add(new Sample(_looked, now, TimeSpan.FromTicks(worst / 100)));
        }
        _looked = now;
    }

    public TimeSpan Within(DateTimeOffset from, DateTimeOffset to)
    {
        var sum = TimeSpan.Zero;
        lock (_lock)
        {
            // What is asked about is recent: from the end backwards.
            for (var i = _samples.Count - 1; i >= 0 && _samples[i].To > from; i--)
            {
                var (start, end, waited) = _samples[i];
                var length = (end < to ? end : to) - (start > from ? start : from);
                if (length > TimeSpan.Zero) sum += waited < length ? waited : length;
            }
        }
        return sum;
    }

    /// <summary>Nanoseconds since the last look of the thread that waited longest.</summary>
    private long Waited(int process)
    {
        var worst = 0L;
        try
        {
            foreach (var thread in Directory.EnumerateDirectories($"/proc/{process}/task"))
            {
                var words = File.ReadAllText(Path.Combine(thread, "schedstat")).Split(' ');
                if (words.Length < 2) continue;
                var waited = long.Parse(words[1], CultureInfo.InvariantCulture);
                if (_before.TryGetValue(thread, out var before)) worst = Math.Max(worst, waited - before);
                _before[thread] = waited;
            }
        }
        catch (IOException)
        {
            // It ended while we looked.
        }
        return worst;
    }

    private readonly record struct Sample(DateTimeOffset From, DateTimeOffset To, TimeSpan Waited);
}
