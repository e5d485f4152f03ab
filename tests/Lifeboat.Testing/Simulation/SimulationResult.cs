// SPDX-License-Identifier: Apache-2.0
using System.Collections.Frozen;
using System.Reflection;

namespace Lifeboat.Testing.Simulation;

public sealed record SimulationOptions(ulong Seed)
{
    /// <summary>A planted fault of the engine, to show that the checkers bite; null: the engine as shipped.</summary>
    public string? Flaw { get; init; }
    /// <summary>Numbers of the storm's strikes that do not happen.</summary>
    public IReadOnlySet<int> Spared { get; init; } = FrozenSet<int>.Empty;
    /// <summary>
    /// Media decay in some worlds: bits flip, writes land elsewhere. Not where disks are looked at as crashes leave
    /// them: what those must have is not to be told from what has decayed.
    /// </summary>
    public bool Decay { get; init; } = true;
    /// <summary>The instance has at most so many disks.</summary>
    public int VolumesMax { get; init; } = int.MaxValue;
    /// <summary>The first storm lasts at most so long.</summary>
    public int StormSecondsMax { get; init; } = int.MaxValue;
    /// <summary>The story ends when the first storm is over and the group is protected again.</summary>
    public bool StormOnly { get; init; }
    /// <summary>How short its storms are, 1 to 8 (<see cref="Climate.Haste"/>); null: as the seed says.</summary>
    public int? Haste { get; init; }
    /// <summary>Long appends that agents keep in memory (<see cref="Climate.WarmRooms"/>); null: as the seed
    /// says.</summary>
    public int? WarmRooms { get; init; }
    /// <summary>So many kinds of fault there are, the first of <see cref="Fault"/>: a world that was written down does
    /// not change when another kind is thought of. Null: all.</summary>
    public int? FaultKinds { get; init; }
    /// <summary>Look at most at so many states of disks after a crash beside the run; 0: none.</summary>
    public long CrashStates { get; init; }
    public Action<string>? Trace { get; init; }

    internal bool Knows(Fault fault) => FaultKinds is not { } kinds || (int)fault < kinds;

    internal bool Spares(int strike) => Spared.Contains(strike);
}

/// <param name="Checker">The invariant that was found broken, e.g. I1.</param>
/// <param name="At">Moment in the world.</param>
public sealed record Violation(string Checker, string What, TimeSpan At);

public sealed record SimulationResult(ulong Seed, Violation? Violation, ulong TraceHash,
    IReadOnlyDictionary<string, long> Counts)
{
    /// <summary>Everything needed to see it again: seed, commit, checker, what.</summary>
    public string Line => Violation is null
        ? $"seed {Seed}: ok"
        : $"VIOLATION seed {Seed} commit {Commit} checker {Violation.Checker} at {Violation.At:mm\\:ss\\.fff}: "
          + Violation.What.ReplaceLineEndings(" | ");

    public static string Commit =>
        typeof(SimulationResult).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()
            ?.InformationalVersion.Split('+').Last() ?? "unknown";
}
