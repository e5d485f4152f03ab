// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Testing.Simulation;
using Lifeboat.Testing.Simulation.Swarming;

namespace Lifeboat.Tests.Simulation.Swarming;

public sealed class SwarmStateTests : IDisposable
{
    private static readonly SwarmBuild Old = new("aaaa", "1"), New = new("bbbb", "2");
    private readonly string _folder = Directory.CreateTempSubdirectory("lifeboat-swarm").FullName;

    private string FilePath => Path.Combine(_folder, "state.json");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void A_swarm_goes_on_where_it_was_also_with_another_version()
    {
        using (var state = SwarmState.Open(FilePath, Old, oursOnly: false))
        {
            foreach (var seed in new[] { 1, 2, 4 }) state.Add(Good(seed));
            state.Spent(TimeSpan.FromSeconds(10), TimeSpan.FromSeconds(20));
            state.Save();
        }

        using (var again = SwarmState.Open(FilePath, New, oursOnly: false))
        {
            Assert.Equal([3, 5], Wanted(again));
            Assert.Equal(2, again.LeftOf(1, 5));
            again.Add(Good(3));
            again.Add(Good(5));
            again.Save();
        }

        using var last = SwarmState.Open(FilePath, New, oursOnly: false);
        Assert.Empty(Wanted(last));
        Assert.Equal([(Old, 3L, 3ul * 7), (New, 2, 2 * 7)],
            last.Records.Select(r => (r.Build, r.Done.Count, r.Traces)));
        Assert.Equal((10, 20), (last.Records[0].Seconds, last.Records[0].ProcessorSeconds));
        Assert.Equal((3 * 5, 3), (last.Records[0].Tally.Counts["writes"], last.Records[0].Tally.Worlds["writes"]));
        Assert.Equal((0, false), (last.Records[0].Tally.Counts["storms"],
            last.Records[0].Tally.Worlds.ContainsKey("storms")));
    }

    [Fact]
    public void What_was_not_saved_is_run_again()
    {
        using (var state = SwarmState.Open(FilePath, Old, oursOnly: false))
        {
            state.Add(Good(1));
            state.Save();
            state.Add(Good(2));
        }

        using var again = SwarmState.Open(FilePath, Old, oursOnly: false);
        Assert.Equal([2, 3, 4, 5], Wanted(again));
    }

    [Fact]
    public void Seeds_of_other_versions_can_be_asked_for_again()
    {
        using (var state = SwarmState.Open(FilePath, Old, oursOnly: false))
        {
            state.Add(Good(1));
            state.Save();
        }

        using var ours = SwarmState.Open(FilePath, New, oursOnly: true);
        Assert.Equal([1, 2, 3, 4, 5], Wanted(ours));
    }

    [Fact]
    public void A_violation_stands_until_another_version_did_without()
    {
        using (var state = SwarmState.Open(FilePath, Old, oursOnly: false))
        {
            state.Add(Bad(3));
            state.Save();
            Assert.DoesNotContain(3, Wanted(state));
        }

        using (var another = SwarmState.Open(FilePath, New, oursOnly: false))
        {
            Assert.Equal(1, SwarmReport.Write(another, 1, 5, TextWriter.Null));
            Assert.Contains(3, Wanted(another));
            another.Add(Good(3));
            another.Save();
        }

        using var last = SwarmState.Open(FilePath, Old, oursOnly: false);
        Assert.Empty(last.Standing);
        Assert.DoesNotContain(3, Wanted(last));
    }

    [Fact]
    public void Two_swarms_do_not_share_a_state()
    {
        using var first = SwarmState.Open(FilePath, Old, oursOnly: false);

        Assert.Throws<SwarmStateException>(() => SwarmState.Open(FilePath, Old, oursOnly: false));
    }

    [Theory]
    [InlineData("")]
    [InlineData("{}")]
    [InlineData("""{"builds":[{"commit":"a","build":"b","done":["1-2"]}]}""")]
    [InlineData("""{"builds":[{"commit":"a","build":"b"}]}""")]
    public void Something_else_is_refused_and_named(string text)
    {
        File.WriteAllText(FilePath, text);

        var refused = Assert.Throws<SwarmStateException>(() => SwarmState.Open(FilePath, Old, oursOnly: false));

        Assert.Contains(FilePath, refused.Message, StringComparison.Ordinal);
    }

    private static List<int> Wanted(SwarmState state) => [.. Enumerable.Range(1, 5).Where(s => state.Wants(s))];

    private static SimulationResult Good(int seed) =>
        new((ulong)seed, null, 7, new Dictionary<string, long> { ["writes"] = 5, ["storms"] = 0 });

    private static SimulationResult Bad(int seed) =>
        Good(seed) with { Violation = new Violation("I1", "torn", TimeSpan.Zero) };
}
