// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Testing.Simulation;

namespace Lifeboat.Simulation;

/// <summary>Makes a failing seed small and writes it down as a file that the suite can run on every build.</summary>
internal static class MinimiseCommand
{
    private const int RunsMax = 300;

    public static int Run(Arguments arguments)
    {
        if (!arguments.Has("--seed")) return Arguments.Usage();
        var world = new SimulationOptions((ulong)arguments.Number("--seed", 0))
        {
            Flaw = arguments.Text("--flaw"),
            Decay = !arguments.Has("--no-decay"),
            CrashStates = arguments.Number("--states", 0),
            Haste = arguments.Haste(arguments.Number("--states", 0)),
        };
        if (SimulatedWorld.Run(world) is { Violation: not null } failed)
            return WriteDown(world, failed, arguments.Text("--out"));
        Console.WriteLine($"seed {world.Seed} holds");
        return 1;
    }

    public static int WriteDown(SimulationOptions world, SimulationResult failed, string? path)
    {
        var minimiser = new Minimiser(world, failed.Violation!.Checker, RunsMax);
        var (smallest, result) = minimiser.Run();
        path ??= $"seed-{world.Seed}.json";
        SeedFile.Of(smallest, result).Write(path);
        Console.WriteLine(
            $"{path}: after {minimiser.Runs} runs, {Size(failed, world)} became {Size(result, smallest)}");
        Console.WriteLine(result.Line);
        return 0;
    }

    private static string Size(SimulationResult result, SimulationOptions world) =>
        $"{result.Counts.GetValueOrDefault("strikes") - world.Spared.Count} faults in "
        + $"{result.Counts.GetValueOrDefault("virtual seconds")} s";
}
