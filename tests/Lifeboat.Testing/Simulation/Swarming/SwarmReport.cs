// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Testing.Simulation.Swarming;

/// <summary>What all sessions of a swarm did together, for people.</summary>
public static class SwarmReport
{
    /// <returns>Violations that stand.</returns>
    public static int Write(SwarmState state, long first, long last, TextWriter to)
    {
        var all = new Tally();
        foreach (var record in state.Records) all.Add(record.Tally);
        all.Write(to);
        foreach (var record in state.Records.Where(r => r.Done.Count > 0))
            to.WriteLine($"{record.Build}: {record.Done.Count:N0} seeds in {Long(record.Seconds)}, "
                + $"{Long(record.ProcessorSeconds)} of CPU, {record.Violations.Count} violation(s), "
                + $"traces {record.Traces:x16}");
        var standing = state.Standing.ToList();
        foreach (var found in standing) to.WriteLine(found.Line);
        var seeds = last - first + 1;
        to.WriteLine($"seeds {first}..{last}: {seeds - state.LeftOf(first, last):N0} of {seeds:N0} done in "
            + $"{Long(state.Records.Sum(r => r.Seconds))}, {Long(state.Records.Sum(r => r.ProcessorSeconds))} of CPU, "
            + $"by {state.Records.Count(r => r.Done.Count > 0)} version(s), {standing.Count} violation(s) stand");
        return standing.Count;
    }

    private static string Long(double seconds) =>
        seconds < 3600 ? $"{seconds:N1} s" : $"{seconds / 3600:N2} h";
}
