// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Testing.Simulation;

namespace Lifeboat.Simulation;

/// <summary>Plants one flaw after the other and runs seeds until a checker catches it, or counts how many of them do:
/// how sharp are they?</summary>
internal static class MutantsCommand
{
    private const long StatesPerSeed = 300;

    public static int Run(Arguments arguments)
    {
        var bound = arguments.Number("--seeds", 1000);
        var counts = arguments.Has("--count");
        string[] flaws = arguments.Text("--flaw") is { } one ? one.Split(',') : [.. PlantedFlaws.Names];
        var missed = 0;
        foreach (var flaw in flaws)
        {
            var states = PlantedFlaws.IsOfStorage(flaw) ? StatesPerSeed : 0;
            var swarm = new Swarm(1, bound, arguments.Jobs,
                seed => new SimulationOptions(seed)
                {
                    Flaw = flaw,
                    CrashStates = states,
                    Haste = arguments.Haste(states),
                })
            {
                Quiet = true,
                GoesOn = counts,
            };
            swarm.Run();
            if (swarm.Violations.Count == 0) missed++;
            Console.WriteLine($"{flaw,-26} {(counts ? Count(swarm) : First(swarm))}");
        }
        Console.WriteLine($"{flaws.Length - missed} of {flaws.Length} planted flaws caught within {bound} seeds");
        return missed == 0 ? 0 : 1;
    }

    private static string First(Swarm swarm) => swarm.Violations.MinBy(v => v.Seed) is { } caught
        ? $"seed {caught.Seed,5}  {caught.Violation!.Checker,-10} after {swarm.Elapsed.TotalSeconds:F1} s: "
          + Short(caught.Violation.What)
        : $"NOT CAUGHT in {swarm.Done} seeds, {swarm.Elapsed.TotalSeconds:F1} s";

    // What a catch costs is what two shapes of worlds are to be compared by.
    private static string Count(Swarm swarm)
    {
        var cost = swarm.ProcessorTime.TotalSeconds / Math.Max(1, swarm.Violations.Count);
        // Of a busy machine the time says little, and steps are the same on any.
        var steps = swarm.Total("steps") / Math.Max(1, swarm.Violations.Count);
        var moments = swarm.Violations.Select(v => v.Violation!.At.TotalSeconds).Order().ToList();
        var moment = moments.Count == 0 ? 0 : moments[moments.Count / 2];
        return $"caught by {swarm.Violations.Count,5} of {swarm.Done} seeds, {cost,8:F2} s of CPU and "
            + $"{steps,10:N0} steps a catch, half of them by {moment:F1} s of their world";
    }

    private static string Short(string what)
    {
        var line = what.ReplaceLineEndings(" ");
        return line.Length <= 110 ? line : line[..110] + "…";
    }
}
