// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Testing.Simulation.Swarming;

/// <summary>What happened in many worlds: how often, and in how many of them.</summary>
public sealed class Tally
{
    public Tally()
    {
    }

    public Tally(IReadOnlyDictionary<string, long> counts, IReadOnlyDictionary<string, long>? worlds)
    {
        foreach (var (what, count) in counts) Counts[what] = count;
        foreach (var (what, count) in worlds ?? new Dictionary<string, long>()) Worlds[what] = count;
    }

    public SortedDictionary<string, long> Counts { get; } = new(StringComparer.Ordinal);
    /// <summary>In how many worlds it happened at all.</summary>
    public SortedDictionary<string, long> Worlds { get; } = new(StringComparer.Ordinal);

    public void Add(SimulationResult world)
    {
        foreach (var (what, count) in world.Counts)
        {
            Raise(Counts, what, count);
            if (count > 0) Raise(Worlds, what, 1);
        }
    }

    public void Add(Tally other)
    {
        foreach (var (what, count) in other.Counts) Raise(Counts, what, count);
        foreach (var (what, count) in other.Worlds) Raise(Worlds, what, count);
    }

    /// <summary>A line for each: what, how often, in how many worlds.</summary>
    public void Write(TextWriter to)
    {
        to.WriteLine($"  {"",-32} {"times",16} {"in worlds",12}");
        foreach (var (what, count) in Counts)
            to.WriteLine($"  {what,-32} {count,16:N0} {Worlds.GetValueOrDefault(what),12:N0}");
    }

    private static void Raise(SortedDictionary<string, long> of, string what, long by) =>
        of[what] = of.GetValueOrDefault(what) + by;
}
