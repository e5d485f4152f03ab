// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Testing.Simulation;

namespace Lifeboat.Simulation;

/// <summary>Runs one seed again, with everything that happened if asked.</summary>
internal static class ReplayCommand
{
    public static int Run(Arguments arguments)
    {
        if (!arguments.Has("--seed")) return Arguments.Usage();
        var result = SimulatedWorld.Run(new SimulationOptions((ulong)arguments.Number("--seed", 0))
        {
            Flaw = arguments.Text("--flaw"),
            Trace = arguments.Has("--trace") ? Console.WriteLine : null,
        });
        foreach (var (what, count) in result.Counts.OrderBy(t => t.Key, StringComparer.Ordinal))
            Console.WriteLine($"  {what,-28} {count,12:N0}");
        Console.WriteLine(result.Violation is null
            ? $"seed {result.Seed}: no violation, trace {result.TraceHash:x16}"
            : result.Line);
        return result.Violation is null ? 0 : 1;
    }
}
