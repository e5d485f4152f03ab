// SPDX-License-Identifier: Apache-2.0
using System.Diagnostics;
using Lifeboat.Testing.Simulation;

namespace Lifeboat.Simulation;

/// <summary>Runs a range of seeds on several threads, one world per thread.</summary>
internal sealed class SwarmCommand
{
    private readonly long _first, _last;
    private readonly string? _flaw;
    private readonly bool _goOn;
    private readonly Lock _gate = new();
    private readonly Dictionary<string, long> _totals = new(StringComparer.Ordinal);
    private readonly List<SimulationResult> _violations = [];
    private long _next, _done;

    private SwarmCommand(Arguments arguments)
    {
        _first = arguments.Number("--first", 1);
        _last = _first + arguments.Number("--seeds", 1000) - 1;
        _flaw = arguments.Text("--flaw");
        _goOn = arguments.Has("--keep-going");
        _next = _first;
    }

    public static int Run(Arguments arguments)
    {
        var swarm = new SwarmCommand(arguments);
        var clock = Stopwatch.StartNew();
        var threads = new List<Thread>();
        for (var i = 0; i < arguments.Number("--parallel", Environment.ProcessorCount); i++)
            threads.Add(new Thread(swarm.Work));
        threads.ForEach(t => t.Start());
        while (threads.Any(t => !t.Join(TimeSpan.FromSeconds(5)))) swarm.Progress(clock.Elapsed);
        return swarm.Finish(clock.Elapsed);
    }

    private void Work()
    {
        while (true)
        {
            var seed = Interlocked.Increment(ref _next) - 1;
            if (seed > _last) return;
            lock (_gate)
                if (_violations.Count > 0 && !_goOn) return;
            var result = SimulatedWorld.Run(new SimulationOptions((ulong)seed) { Flaw = _flaw });
            lock (_gate)
            {
                _done++;
                foreach (var (what, count) in result.Counts)
                    _totals[what] = _totals.GetValueOrDefault(what) + count;
                if (result.Violation is null) continue;
                _violations.Add(result);
                Console.WriteLine(result.Line);
            }
        }
    }

    private void Progress(TimeSpan elapsed)
    {
        lock (_gate) Console.Error.WriteLine($"{_done} seeds in {elapsed.TotalSeconds:F0} s");
    }

    private int Finish(TimeSpan elapsed)
    {
        foreach (var (what, count) in _totals.OrderBy(t => t.Key, StringComparer.Ordinal))
            Console.WriteLine($"  {what,-28} {count,12:N0}");
        Console.WriteLine($"{_done} seeds from {_first} in {elapsed.TotalSeconds:F1} s, "
            + $"{_violations.Count} violation(s)");
        if (_flaw is null) return _violations.Count == 0 ? 0 : 1;
        Console.WriteLine(_violations.Count > 0
            ? $"flaw {_flaw}: caught by seed {_violations.Min(v => v.Seed)}"
            : $"flaw {_flaw}: NOT caught");
        return _violations.Count > 0 ? 0 : 1;
    }
}
