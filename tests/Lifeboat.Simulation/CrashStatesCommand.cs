// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Testing.Simulation;

namespace Lifeboat.Simulation;

/// <summary>Opens the replica on very many disks as crashes leave them, over as many worlds as that takes.</summary>
internal static class CrashStatesCommand
{
    private const long PerSeed = 500;

    public static int Run(Arguments arguments)
    {
        var wanted = arguments.Number("--states", 100_000);
        var first = arguments.Number("--seed", 1);
        var flaw = arguments.Text("--flaw");
        var haste = arguments.Haste(PerSeed);
        var swarm = new Swarm(first, long.MaxValue, arguments.Jobs,
            seed => new SimulationOptions(seed) { Flaw = flaw, CrashStates = Math.Min(PerSeed, wanted), Haste = haste })
        {
            GoesOn = arguments.Has("--keep-going"),
            Enough = s => s.Total("crash states") >= wanted,
        };
        swarm.Run();
        var states = swarm.Total("crash states");
        Console.WriteLine($"{states:N0} crash states, {states / swarm.Elapsed.TotalSeconds:F0} per second, "
            + $"from seed {first} on: {swarm.Pace}, {swarm.Violations.Count} violation(s)");
        return (swarm.Violations.Count > 0) == (flaw is not null) ? 0 : 1;
    }
}
