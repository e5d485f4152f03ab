// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Testing.Simulation;

/// <summary>
/// Runs everything of a simulated world on the calling thread: at every step one of the runnable continuations,
/// chosen by the seed. When nothing is runnable, time jumps to the next timer. Every step takes one tick (100 ns), so
/// no two events of a world share a moment and the oracle can order them all.
/// </summary>
public sealed class SimulatedScheduler(Prng prng)
{
    private readonly List<Work> _ready = [];
    private readonly PriorityQueue<DueTimer, Moment> _timers = new();
    private const int CallsPerStepMax = 100_000;
    private long _order;
    private int _calls;
    private int _thread;
    private volatile string? _escape;
    private ulong _hash = 14695981039346656037;

    /// <summary>Ticks of 100 ns since the world began.</summary>
    public long Now { get; private set; }
    public long Steps { get; private set; }
    /// <summary>Two runs from the same seed have the same hash; anything else is a source of chance that escaped
    /// us.</summary>
    public ulong TraceHash => _hash;
    public Prng Prng => prng;
    /// <summary>Told of every note when somebody replays a seed.</summary>
    public Action<string>? Trace { get; set; }

    /// <summary>Runs until the condition holds, nothing is left to do, or the step limit is reached.</summary>
    public void Run(Func<bool> done, long stepLimit)
    {
        _thread = Environment.CurrentManagedThreadId;
        var outer = SynchronizationContext.Current;
        try
        {
            while (!done())
            {
                if (!Step()) return;
                if (Steps > stepLimit)
                    throw new SimulationException($"livelock: {stepLimit} steps by {TimeSpan.FromTicks(Now)}");
            }
        }
        finally
        {
            SynchronizationContext.SetSynchronizationContext(outer);
        }
    }

    /// <summary>Everything that happens to the world goes through here: on another thread it is not
    /// deterministic.</summary>
    public void AssertInside()
    {
        if (_calls++ > CallsPerStepMax)
            throw new SimulationException($"spinning in one step: {Environment.StackTrace}");
        if (_thread == 0 || Environment.CurrentManagedThreadId == _thread) return;
        _escape ??= Environment.StackTrace;
        throw new SimulationException("a continuation escaped the scheduler");
    }

    /// <summary>Mixes an event into the trace hash.</summary>
    public void Note(int kind, long a, long b)
    {
        Mix((ulong)kind);
        Mix((ulong)a);
        Mix((ulong)b);
    }

    public void Say(string who, string what)
    {
        Note(who.Length, what.Length, Now);
        Trace?.Invoke($"{TimeSpan.FromTicks(Now):mm\\:ss\\.fffffff} {who,-12} {what}");
    }

    internal void Enqueue(SimulatedProcess process, SendOrPostCallback callback, object? state)
    {
        if (_thread != 0 && Environment.CurrentManagedThreadId != _thread)
        {
            // Thrown here it would end this whole test process; the next step tells instead.
            _escape ??= Environment.StackTrace;
            return;
        }
        _ready.Add(new Work(process, callback, state));
    }

    internal void Arm(SimulatedTimer timer, long due, int version)
    {
        AssertInside();
        _timers.Enqueue(new DueTimer(timer, version), new Moment(due, _order++));
    }

    private bool Step()
    {
        if (_escape is not null) throw new SimulationException($"a continuation escaped the scheduler: {_escape}");
        Steps++;
        Now++;
        _calls = 0;
        ReleaseDue();
        while (_ready.Count == 0)
        {
            if (!_timers.TryPeek(out _, out var next)) return false;
            Now = Math.Max(Now, next.Due);
            ReleaseDue();
        }
        var index = _ready.Count == 1 ? 0 : prng.Next(_ready.Count);
        var work = _ready[index];
        _ready[index] = _ready[^1];
        _ready.RemoveAt(_ready.Count - 1);
        Note(index, work.Process.Id, Now);
        work.Process.Execute(work);
        return true;
    }

    private void ReleaseDue()
    {
        while (_timers.TryPeek(out _, out var next) && next.Due <= Now)
        {
            var (timer, version) = _timers.Dequeue();
            timer.Release(version);
        }
    }

    private void Mix(ulong value) => _hash = (_hash ^ value) * 1099511628211;

    internal readonly record struct Work(SimulatedProcess Process, SendOrPostCallback Callback, object? State);
    private readonly record struct DueTimer(SimulatedTimer Timer, int Version);

    private readonly record struct Moment(long Due, long Order) : IComparable<Moment>
    {
        public int CompareTo(Moment other) =>
            Due != other.Due ? Due.CompareTo(other.Due) : Order.CompareTo(other.Order);
    }
}

/// <summary>The simulation itself, or its rules, were broken.</summary>
public sealed class SimulationException(string message) : Exception(message);
