// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Journaling.Storage;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;
using Lifeboat.Protection.Policies;
using Lifeboat.Replication.Capture;
using Lifeboat.Replication.Linking;
using Lifeboat.Replication.Moments;

namespace Lifeboat.Replication.Shipping;

/// <summary>What the source of a group is given. Another epoch, target or set of volumes is another source.</summary>
public sealed record GroupSourceOptions
{
    public required string Group { get; init; }
    /// <summary>The expected name in the peer's certificate.</summary>
    public required string RecoverySite { get; init; }
    public required Epoch Epoch { get; init; }
    /// <summary>How often the source was moved to another agent in this epoch: who was moved less is refused.</summary>
    public long Moves { get; init; }
    /// <summary>It begins in the place of another agent: its first resync is for that reason.</summary>
    public bool Arrives { get; init; }
    /// <summary>`host:port` of the recovery agent's link listener.</summary>
    public required string Target { get; init; }
    public required IReadOnlyList<SourceDisk> Volumes { get; init; }
    public required Policy Policy { get; init; }
    /// <summary>Fresh entropy: stream ids and the jitter of retries come from it.</summary>
    public required ulong Seed { get; init; }

    public LinkTimings Timings { get; init; } = LinkTimings.Default;
    /// <summary>Shared with the other groups that ship to the same site; null: one of its own, without a cap.</summary>
    public LinkBudget? Budget { get; init; }
    /// <summary>First and longest wait between tries to connect or attach.</summary>
    public TimeSpan RetryMin { get; init; } = TimeSpan.FromMilliseconds(200);
    public TimeSpan RetryMax { get; init; } = TimeSpan.FromSeconds(5);
    /// <summary>Least and longest wait before capture comes back after it was given up.</summary>
    public TimeSpan ReturnMin { get; init; } = TimeSpan.FromSeconds(1);
    public TimeSpan ReturnMax { get; init; } = TimeSpan.FromSeconds(30);
    /// <summary>Least time between two rotations of the change maps; each drains the disk for some 30 ms.</summary>
    public TimeSpan RotateInterval { get; init; } = TimeSpan.FromSeconds(10);
    /// <summary>A checkpoint whose mirrors could not be seen intact in this time is withdrawn.</summary>
    public TimeSpan ConfirmLimit { get; init; } = TimeSpan.FromSeconds(2);
    /// <summary>Pulled bytes that may be in the outbox at once; also at most an eighth of the outbox.</summary>
    public long PullWindowBytes { get; init; } = 8 << 20;
    /// <summary>
    /// Ask for digests of changed extents too, so that blocks that came out equal do not cross the link.
    /// </summary>
    public bool CompareChangeMap { get; init; } = true;

    /// <summary>Where the log is kept, a folder of this group alone; null: no log.</summary>
    public IStorage? Log { get; init; }
    /// <summary>Room on that disk that is left to others, in bytes.</summary>
    public long LogReserveBytes { get; init; } = 256 << 20;
    /// <summary>Memory of the outbox above which the oldest records go to the log; null: half of it.</summary>
    public long? LogAboveBytes { get; init; }
    /// <summary>
    /// Where it is kept from where on the change maps are complete, a folder of this group alone; null: a source that
    /// begins anew trusts no map, and compares.
    /// </summary>
    public IStorage? Maps { get; init; }
    /// <summary>Its changes come in moments, and its disks have no taps; null: writes are captured.</summary>
    public MomentOptions? Moments { get; init; }
    /// <summary>Suspended from the start.</summary>
    public Suspension? Suspension { get; init; }

    public IEnumerable<string> Problems()
    {
        if (Volumes.Count == 0) yield return "source.volumes is empty";
        if (Moves < 0) yield return $"source.moves is {Moves}; it is not negative";
        if (Volumes.DistinctBy(v => v.Index).Count() != Volumes.Count) yield return "source.volumes: an index twice";
        if (Volumes.Any(v => v.Tap is null != Moments is not null))
            yield return "source.volumes have taps, or source.moments has one";
        if (Moments is { } moments && moments.Period <= TimeSpan.Zero)
            yield return "source.moments.period must be positive";
        if (RetryMin <= TimeSpan.Zero || RetryMax < RetryMin) yield return "source.retryMin..retryMax is no range";
        if (ReturnMin <= TimeSpan.Zero || ReturnMax < ReturnMin) yield return "source.returnMin..returnMax is no range";
        if (RotateInterval <= TimeSpan.Zero) yield return "source.rotateInterval must be positive";
        if (ConfirmLimit <= TimeSpan.Zero) yield return "source.confirmLimit must be positive";
        if (LogReserveBytes < 0) yield return "source.logReserveBytes must not be negative";
        if (LogAboveBytes is { } above && (above < 0 || above > Policy.OutboxBytes))
            yield return $"source.logAboveBytes is {above}; allowed is 0 to the outbox's bytes";
        foreach (var problem in Suspension?.Problems() ?? []) yield return problem;
        if (PullWindowBytes < 1 << 20) yield return $"source.pullWindowBytes is {PullWindowBytes}; the least is 1 MiB";
        foreach (var problem in Policy.Problems().Concat(Timings.Problems())) yield return problem;
    }
}

/// <param name="Index">Number of the volume in the group's journal.</param>
/// <param name="Tap">
/// Owned by the caller, who disposes it after the source has stopped; null in a group of moments.
/// </param>
public sealed record SourceDisk(ushort Index, string Name, long SizeBytes, IDiskTap? Tap);
