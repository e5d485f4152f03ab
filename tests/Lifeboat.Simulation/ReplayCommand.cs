// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Testing.Simulation;

namespace Lifeboat.Simulation;

/// <summary>Runs one seed, or one that was written down, again; with everything that happened if asked.</summary>
internal static class ReplayCommand
{
    public static int Run(Arguments arguments)
    {
        Action<string>? trace = arguments.Has("--trace") ? Console.WriteLine : null;
        SimulationOptions? world = (arguments.Text("--file"), arguments.Has("--seed")) switch
        {
            ({ } file, _) => SeedFile.Read(file).World(trace),
            (null, true) => new SimulationOptions((ulong)arguments.Number("--seed", 0))
            {
                Flaw = arguments.Text("--flaw"),
                Decay = !arguments.Has("--no-decay"),
                CrashStates = arguments.Number("--states", 0),
                Haste = arguments.Haste(arguments.Number("--states", 0)),
                WarmRooms = arguments.Has("--warm") ? (int)arguments.Number("--warm", 0) : null,
                Trace = trace,
            },
            _ => null,
        };
        if (world is null) return Arguments.Usage();
        var result = SimulatedWorld.Run(world);
        foreach (var (what, count) in result.Counts.OrderBy(t => t.Key, StringComparer.Ordinal))
            Console.WriteLine($"  {what,-28} {count,12:N0}");
        Console.WriteLine(result.Violation is null
            ? $"seed {result.Seed}: no violation, trace {result.TraceHash:x16}"
            : result.Line);
        return result.Violation is null ? 0 : 1;
    }
}
