// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Testing.Oracle;

/// <summary>What is expected of recovered disks beyond their own consistency.</summary>
public sealed record OracleExpectation
{
    /// <summary>Only the disks' own consistency.</summary>
    public static readonly OracleExpectation ConsistencyOnly = new();

    /// <summary>Null: losses cannot be counted and are not.</summary>
    public WitnessHistory? Witness { get; init; }
    /// <summary>The guest's name at the witness.</summary>
    public string Guest { get; init; } = "guest";
    /// <summary>Acknowledged records that may be missing; 0 for planned moves; null: counted, not judged.</summary>
    public long? LostMax { get; init; }
    /// <summary>Acknowledgements heard from here on need not be on the disks. Null: all that were ever heard.</summary>
    public DateTimeOffset? CutAt { get; init; }
    /// <summary>
    /// Records acknowledged later than this must not be on the disks. Leave room for the witness's own lateness: a
    /// record is durable before the witness hears of it.
    /// </summary>
    public DateTimeOffset? NothingAfter { get; init; }
    /// <summary>The disks must end with the mark of a freeze (application-consistent points).</summary>
    public bool MustEndWithMark { get; init; }
    /// <summary>Runs of other copies of the guest (a drill's), 16 hex digits. They owe these disks nothing.</summary>
    public IReadOnlySet<string> OtherRuns { get; init; } = new HashSet<string>();
    /// <summary>For private copies of the images; they are removed again.</summary>
    public string WorkDirectory { get; init; } = Path.GetTempPath();
}
