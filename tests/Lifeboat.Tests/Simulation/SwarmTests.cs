// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Testing.Simulation;

namespace Lifeboat.Tests.Simulation;

/// <summary>A small swarm on every build; the large one is `tests/Lifeboat.Simulation`
/// (docs/operating/simulation.md).</summary>
public sealed class SwarmTests
{
    public static TheoryData<string> Flaws => [.. PlantedFlaws.Names];

    [Fact]
    public void Two_hundred_worlds_with_faults_hold()
    {
        var violations = Enumerable.Range(1, 200).AsParallel()
            .Select(seed => SimulatedWorld.Run(new SimulationOptions((ulong)seed)))
            .Where(r => r.Violation is not null).Select(r => r.Line).ToList();

        Assert.True(violations.Count == 0, string.Join('\n', violations));
    }

    [Fact]
    public void The_same_seed_is_the_same_run()
    {
        for (var seed = 1001ul; seed < 1011; seed++)
        {
            var first = SimulatedWorld.Run(new SimulationOptions(seed));
            var again = SimulatedWorld.Run(new SimulationOptions(seed));
            Assert.Equal((first.TraceHash, first.Violation), (again.TraceHash, again.Violation));
            Assert.Equal(first.Counts, again.Counts);
        }
    }

    [Theory]
    [MemberData(nameof(Flaws))]
    public void A_planted_flaw_is_caught_within_a_thousand_seeds(string flaw)
    {
        var caught = Enumerable.Range(1, 1000)
            .Select(seed => SimulatedWorld.Run(new SimulationOptions((ulong)seed) { Flaw = flaw }))
            .FirstOrDefault(r => r.Violation is not null);

        Assert.NotNull(caught);
        // By a checker that knows the flaw's kind, not by the world coming to a halt.
        Assert.Contains(caught.Violation!.Checker, new[] { "I1", "I2", "I10" });
    }
}
