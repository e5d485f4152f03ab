// SPDX-License-Identifier: Apache-2.0
using System.Diagnostics;
using Lifeboat.Testing.Simulation;
using Lifeboat.Testing.Simulation.Swarming;

namespace Lifeboat.Simulation;

/// <summary>Runs seeds one after another on several threads, one world per thread, and adds up.</summary>
internal sealed class Swarm(long first, long last, int jobs, Func<ulong, SimulationOptions> world)
{
    private static readonly TimeSpan TellEvery = TimeSpan.FromSeconds(10);
    private readonly Lock _gate = new();
    private readonly List<SimulationResult> _violations = [];
    private readonly Stopwatch _clock = new();
    private readonly TimeSpan _processorsBefore = Processors;
    private (TimeSpan Time, TimeSpan Processors) _told;
    private long _next = first, _done;
    private volatile bool _stopping;

    /// <summary>Go on behind a violation.</summary>
    public bool GoesOn { get; init; }
    /// <summary>Said of every violation at once.</summary>
    public bool Quiet { get; init; }
    /// <summary>Where it is written down what was done; null: nowhere.</summary>
    public SwarmState? State { get; init; }
    /// <summary>Asked under a lock after every seed: is it enough?</summary>
    public Func<Swarm, bool> Enough { get; init; } = static _ => false;

    public Tally Tally { get; } = new();
    public IReadOnlyList<SimulationResult> Violations => _violations;
    public long Done => _done;
    /// <summary>Of the traces of all worlds, in whatever order they ran: the same engine has the same.</summary>
    public ulong TraceHash { get; private set; }
    public TimeSpan Elapsed => _clock.Elapsed;
    public double PerSecond => _done / Math.Max(0.001, Elapsed.TotalSeconds);
    public string Pace => $"{_done:N0} seeds in {Elapsed.TotalSeconds:F1} s, {PerSecond:F1} seeds/s on {jobs} job(s), "
        + $"{ProcessorTime.TotalMilliseconds / Math.Max(1, _done):F1} ms of CPU a seed";
    /// <summary>What it took of all processors, the start of the program included.</summary>
    public TimeSpan ProcessorTime => Processors - _processorsBefore;

    private static TimeSpan Processors => Environment.CpuUsage.TotalTime;

    public long Total(string what) => Tally.Counts.GetValueOrDefault(what);

    public void Run()
    {
        _clock.Start();
        var threads = new List<Thread>();
        for (var i = 0; i < jobs; i++) threads.Add(new Thread(Work));
        threads.ForEach(t => t.Start());
        while (threads.Any(t => !t.Join(TellEvery)))
        {
            if (!Quiet) Console.Error.WriteLine(Pace);
            Remember();
        }
        _clock.Stop();
        Remember();
    }

    public bool Stopping => _stopping;

    /// <summary>No world is begun any more.</summary>
    public void Stop()
    {
        lock (_gate) _stopping = true;
    }

    private void Remember()
    {
        if (State is null) return;
        lock (_gate)
        {
            var now = (Time: Elapsed, Processors: ProcessorTime);
            State.Spent(now.Time - _told.Time, now.Processors - _told.Processors);
            _told = now;
            State.Save();
        }
    }

    private long? Next()
    {
        lock (_gate)
        {
            if (_stopping || (_violations.Count > 0 && !GoesOn) || Enough(this)) return null;
            while (_next <= last && State is { } state && !state.Wants(_next)) _next++;
            return _next <= last ? _next++ : null;
        }
    }

    private void Work()
    {
        while (Next() is { } seed)
        {
            var result = SimulatedWorld.Run(world((ulong)seed));
            lock (_gate)
            {
                _done++;
                State?.Add(result);
                TraceHash += result.TraceHash;
                Tally.Add(result);
                if (result.Violation is null) continue;
                _violations.Add(result);
                if (!Quiet) Console.WriteLine(result.Line);
            }
        }
    }
}
