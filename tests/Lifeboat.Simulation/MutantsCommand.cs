// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Testing.Simulation;

namespace Lifeboat.Simulation;

/// <summary>Plants one flaw after the other and runs seeds until a checker catches it: how sharp are they?</summary>
internal static class MutantsCommand
{
    private const long StatesPerSeed = 300;

    public static int Run(Arguments arguments)
    {
        var bound = arguments.Number("--seeds", 1000);
        string[] flaws = arguments.Text("--flaw") is { } one ? one.Split(',') : [.. PlantedFlaws.Names];
        var missed = 0;
        foreach (var flaw in flaws)
        {
            var states = PlantedFlaws.IsOfStorage(flaw) ? StatesPerSeed : 0;
            var swarm = new Swarm(1, bound, arguments.Jobs,
                seed => new SimulationOptions(seed) { Flaw = flaw, CrashStates = states }) { Quiet = true };
            swarm.Run();
            var caught = swarm.Violations.MinBy(v => v.Seed);
            if (caught is null) missed++;
            Console.WriteLine(caught is null
                ? $"{flaw,-26} NOT CAUGHT in {swarm.Done} seeds, {swarm.Elapsed.TotalSeconds:F1} s"
                : $"{flaw,-26} seed {caught.Seed,5}  {caught.Violation!.Checker,-10} "
                  + $"after {swarm.Elapsed.TotalSeconds:F1} s: {Short(caught.Violation.What)}");
        }
        Console.WriteLine($"{flaws.Length - missed} of {flaws.Length} planted flaws caught within {bound} seeds");
        return missed == 0 ? 0 : 1;
    }

    private static string Short(string what)
    {
        var line = what.ReplaceLineEndings(" ");
        return line.Length <= 110 ? line : line[..110] + "…";
    }
}
