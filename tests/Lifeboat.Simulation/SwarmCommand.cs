// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Testing.Simulation;

namespace Lifeboat.Simulation;

/// <summary>Runs a range of seeds.</summary>
internal static class SwarmCommand
{
    public static int Run(Arguments arguments)
    {
        var (first, last) = arguments.Seeds(1000);
        var flaw = arguments.Text("--flaw");
        var swarm = new Swarm(first, last, arguments.Jobs, seed => new SimulationOptions(seed)
        {
            Flaw = flaw,
        })
        {
            GoesOn = arguments.Has("--keep-going"),
        };
        swarm.Run();
        foreach (var (what, count) in swarm.Totals) Console.WriteLine($"  {what,-28} {count,14:N0}");
        Console.WriteLine($"seeds {first}..{first + swarm.Done - 1}: {swarm.Pace}, "
            + $"{swarm.Violations.Count} violation(s), traces {swarm.TraceHash:x16}");
        if (flaw is null && swarm.Violations.MinBy(v => v.Seed) is { } found)
            MinimiseCommand.WriteDown(new SimulationOptions(found.Seed), found, path: null);
        if (flaw is null) return swarm.Violations.Count == 0 ? 0 : 1;
        Console.WriteLine(swarm.Violations.Count > 0
            ? $"flaw {flaw}: caught by seed {swarm.Violations.Min(v => v.Seed)}"
            : $"flaw {flaw}: NOT caught");
        return swarm.Violations.Count > 0 ? 0 : 1;
    }
}
