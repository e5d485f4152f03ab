// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Testing.Simulation;

/// <summary>
/// Makes a failing world as small as it still fails by the same checker: without what comes after the first storm, with
/// fewer disks, a shorter storm, and then as few strikes of the storm as possible (delta debugging: halves, quarters …
/// of the strikes are left out as long as that helps).
/// </summary>
public sealed class Minimiser(SimulationOptions failing, string checker, int runsMax)
{
    public int Runs { get; private set; }

    /// <summary>The smallest world found. Its violation is of the same checker.</summary>
    public (SimulationOptions World, SimulationResult Result) Run()
    {
        var best = failing;
        var result = SimulatedWorld.Run(best);
        if (result.Violation?.Checker != checker) return (best, result);
        Try(best with { StormOnly = true }, ref best, ref result);
        for (var volumes = 1; volumes < 3; volumes++)
            if (Try(best with { VolumesMax = volumes }, ref best, ref result)) break;
        foreach (var seconds in new[] { 2, 4, 8, 16 })
            if (Try(best with { StormSecondsMax = seconds }, ref best, ref result)) break;
        SpareStrikes(ref best, ref result);
        return (best, result);
    }

    private void SpareStrikes(ref SimulationOptions best, ref SimulationResult result)
    {
        var left = StrikesOf(best, result);
        for (var parts = 2; left.Count > 0 && Runs < runsMax;)
        {
            var size = Math.Max(1, left.Count / parts);
            var helped = false;
            for (var at = 0; at < left.Count && Runs < runsMax; at += size)
            {
                var spared = best.Spared.Concat(left.Skip(at).Take(size)).ToHashSet();
                if (!Try(best with { Spared = spared }, ref best, ref result)) continue;
                helped = true;
                break;
            }
            left = StrikesOf(best, result);
            if (helped) parts = Math.Max(2, parts - 1);
            else if (size == 1) return;
            else parts *= 2;
        }
    }

    private static List<int> StrikesOf(SimulationOptions world, SimulationResult result) =>
        [.. Enumerable.Range(0, (int)result.Counts.GetValueOrDefault("strikes")).Where(s => !world.Spares(s))];

    private bool Try(SimulationOptions smaller, ref SimulationOptions best, ref SimulationResult result)
    {
        if (Runs >= runsMax) return false;
        Runs++;
        var run = SimulatedWorld.Run(smaller);
        if (run.Violation?.Checker != checker) return false;
        (best, result) = (smaller, run);
        return true;
    }
}
