// SPDX-License-Identifier: Apache-2.0
using System.Diagnostics;
using Lifeboat.Testing.Simulation;

namespace Lifeboat.Simulation;

/// <summary>Runs seeds one after another on several threads, one world per thread, and adds up.</summary>
internal sealed class Swarm(long first, long last, int jobs, Func<ulong, SimulationOptions> world)
{
    private static readonly TimeSpan TellEvery = TimeSpan.FromSeconds(10);
    private readonly Lock _gate = new();
    private readonly SortedDictionary<string, long> _totals = new(StringComparer.Ordinal);
    private readonly List<SimulationResult> _violations = [];
    private readonly Stopwatch _clock = new();
    private long _next = first, _done;

    /// <summary>Go on behind a violation.</summary>
    public bool GoesOn { get; init; }
    /// <summary>Said of every violation at once.</summary>
    public bool Quiet { get; init; }
    /// <summary>Asked under a lock after every seed: is it enough?</summary>
    public Func<Swarm, bool> Enough { get; init; } = static _ => false;

    public IReadOnlyDictionary<string, long> Totals => _totals;
    public IReadOnlyList<SimulationResult> Violations => _violations;
    public long Done => _done;
    /// <summary>Of the traces of all worlds, in whatever order they ran: the same engine has the same.</summary>
    public ulong TraceHash { get; private set; }
    public TimeSpan Elapsed => _clock.Elapsed;
    public double PerSecond => _done / Math.Max(0.001, Elapsed.TotalSeconds);
    public string Pace => $"{_done:N0} seeds in {Elapsed.TotalSeconds:F1} s, {PerSecond:F1} seeds/s on {jobs} job(s)";

    public long Total(string what) => _totals.GetValueOrDefault(what);

    public void Run()
    {
        _clock.Start();
        var threads = new List<Thread>();
        for (var i = 0; i < jobs; i++) threads.Add(new Thread(Work));
        threads.ForEach(t => t.Start());
        while (threads.Any(t => !t.Join(TellEvery)))
            if (!Quiet) Console.Error.WriteLine(Pace);
        _clock.Stop();
    }

    private void Work()
    {
        while (true)
        {
            var seed = Interlocked.Increment(ref _next) - 1;
            if (seed > last) return;
            lock (_gate)
                if ((_violations.Count > 0 && !GoesOn) || Enough(this)) return;
            var result = SimulatedWorld.Run(world((ulong)seed));
            lock (_gate)
            {
                _done++;
                TraceHash += result.TraceHash;
                foreach (var (what, count) in result.Counts)
                    _totals[what] = _totals.GetValueOrDefault(what) + count;
                if (result.Violation is null) continue;
                _violations.Add(result);
                if (!Quiet) Console.WriteLine(result.Line);
            }
        }
    }
}
