// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Sites;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;
using Lifeboat.Protection.RecoveryPoints;

namespace Lifeboat.Contracts.Agents;

/// <summary>What an agent says of itself; also the health answer.</summary>
public sealed record AgentStatus(string Site, string Version, int ProcessId, DateTimeOffset StartedAt,
    string LinkAddress, IReadOnlyList<string> Sources, IReadOnlyList<string> Replicas)
{
    /// <summary>The host that it is the agent of.</summary>
    public string Host { get; init; } = AgentConfiguration.DefaultHost;
    /// <summary>How long guests wait for it; null: an agent that does not say.</summary>
    public HoldStatus? Holds { get; init; }
    /// <summary>The file system of its replicas; null: it cannot be looked at.</summary>
    public StoreStatus? Store { get; init; }
}

/// <summary>How long captured writes waited for their place in the stream, since the agent started.</summary>
/// <param name="Slow">Those that waited longer than <see cref="SlowSeconds"/>.</param>
public sealed record HoldStatus(long Writes, long Slow, double LongestSeconds)
{
    public const double SlowSeconds = 0.1;
}

public sealed record StoreStatus(long FreeBytes, long TotalBytes);

/// <summary>
/// Counters of a group at one agent that go on over its restarts: at most what was counted in the five seconds before
/// the agent was killed is missing. Another id: they began anew from zero.
/// </summary>
public sealed record SourceTotals(Guid Id, long CapturedBytes, long ShippedBytes, long WireBytes);

/// <summary>Counters of a group at an agent that is its source, or was.</summary>
public sealed record GroupTotals(string Group, SourceTotals Totals);

/// <summary>Where a source stands. Numbers are stored and never change.</summary>
public enum SourcePhase
{
    /// <summary>No link, or the instance cannot be reached; the guest's change map remembers.</summary>
    Detached = 1,
    InitialSync = 2,
    Resyncing = 3,
    Streaming = 4,
    /// <summary>The recovery site refused our epoch: another site is primary.</summary>
    Fenced = 5,
    Stopped = 6,
}

/// <summary>How the last sync found what to send.</summary>
public enum ResyncKind { None = 0, Allocation = 1, ChangeMap = 2, HashCompare = 3, Replay = 4 }

/// <summary>How it is known what a sync has to move. Numbers are stored and never change.</summary>
public enum ForecastBasis
{
    Unknown = 0,
    /// <summary>What the change map marks, what is stored, what the outbox holds: not more than that.</summary>
    Counted = 1,
    /// <summary>From what was found so far, as if the rest were like it.</summary>
    Extrapolated = 2,
}

/// <summary>What a sync that is under way has done and has yet to do.</summary>
/// <param name="ToMoveBytes">Payload from its beginning to its end, moved ones too; null: it cannot be told.</param>
/// <param name="ToCompareBytes">Of volumes that are compared by digests, all; 0: nothing is compared.</param>
/// <param name="BytesPerSecond">Payload, measured; null: not long enough under way.</param>
/// <param name="Left">At the pace measured, or at the link's cap while none is; null: it cannot be told.</param>
public sealed record SyncForecastStatus(ResyncKind Kind, DateTimeOffset Since, ForecastBasis Basis, long? ToMoveBytes,
    long MovedBytes, long ToCompareBytes, long ComparedBytes, double? BytesPerSecond, TimeSpan? Left);

/// <summary>How records travel. Numbers are on the wire and never change.</summary>
public enum FramePacking { None = 0, Lz4 = 1, Zstd = 2 }

/// <summary>The rungs of the outbox. Numbers are stored and never change.</summary>
public enum OutboxRung
{
    Memory = 1,
    /// <summary>In the log on the source's disk, in order: history stays complete.</summary>
    Log = 2,
    /// <summary>Order is given up: QEMU's change map knows which extents, not when.</summary>
    ChangeMap = 3,
}

/// <param name="Reason">Why it is not the memory alone.</param>
/// <param name="Since">When this rung was stepped on.</param>
/// <param name="MemoryBytes">Not durable at the recovery site and in memory.</param>
/// <param name="LogBytes">The same in the log; on the rung of the change map it is shipped before the gap.</param>
public sealed record OutboxStatus(OutboxRung Rung, ReasonCode Reason, DateTimeOffset Since, long MemoryBytes,
    long LogBytes, LogDamageStatus? LogDamage = null);

/// <summary>The last time that the log could not be read as it was written.</summary>
/// <param name="Detail">File and byte among it. What it had came by a resync.</param>
public sealed record LogDamageStatus(string Detail, DateTimeOffset FoundAt);

public sealed record SourceStatus
{
    public required string Group { get; init; }
    public required SourcePhase Phase { get; init; }
    public required ReasonCode Reason { get; init; }
    public string? Detail { get; init; }
    public required DateTimeOffset Since { get; init; }
    public required Epoch Epoch { get; init; }
    /// <summary>Last sequence handed out at the source, and the last one durable at the recovery site.</summary>
    public required long CapturedSequence { get; init; }
    public required long DurableSequence { get; init; }
    public required long OutboxBytes { get; init; }
    /// <summary>Where what the guests write now is kept.</summary>
    public OutboxStatus? Outbox { get; init; }
    /// <summary>The suspension that holds now; null: none.</summary>
    public Suspension? Suspension { get; init; }
    /// <summary>Age of the oldest captured write that is not durable at the recovery site.</summary>
    public required TimeSpan Lag { get; init; }
    public required long CapturedBytes { get; init; }
    /// <summary>Bytes of records shipped, and of the frames that they travelled in, packed or not.</summary>
    public required long ShippedBytes { get; init; }
    public long WireBytes { get; init; }
    /// <summary>Of all sources that this agent had for the group; null: an agent that does not say.</summary>
    public SourceTotals? Totals { get; init; }
    /// <summary>How records are packed now: `none`, `lz4` or `zstd`.</summary>
    public FramePacking Packing { get; init; }
    /// <summary>Of the last sync: its kind, the payload bytes it moved and the bytes it had to look at.</summary>
    public required ResyncKind LastResync { get; init; }
    public required long ResyncMovedBytes { get; init; }
    public required long ResyncExaminedBytes { get; init; }
    /// <summary>Bytes of digests asked for and given, with their messages; none of it is in the moved bytes.</summary>
    public long ResyncDigestBytes { get; init; }
    public required double ResyncProgress { get; init; }
    /// <summary>Of the sync that is under way; null: none is, or nothing of it has begun.</summary>
    public SyncForecastStatus? Forecast { get; init; }
    public required long Attaches { get; init; }
    public RecoveryPoint? LastSealed { get; init; }
    /// <summary>How the last quiesce for a point went, by policy or asked for; null: there was none yet.</summary>
    public QuiesceReport? LastQuiesce { get; init; }
    /// <summary>Of a group that is read in moments; null: its writes are captured.</summary>
    public MomentsStatus? Moments { get; init; }
    public required IReadOnlyList<VolumeStatus> Volumes { get; init; }
    /// <summary>Disks of the group's instances that are in no group; looked for by the controller, not the
    /// agent.</summary>
    public IReadOnlyList<UnprotectedDisk> Unprotected { get; init; } = [];
}

/// <summary>A disk that an instance was given after it was protected, and that is not replicated.</summary>
/// <param name="Problem">Why it cannot be taken into the group; null: it can, with `volume protect`.</param>
public sealed record UnprotectedDisk(string Instance, string Disk, long SizeBytes, string? Problem)
{
    [System.Text.Json.Serialization.JsonIgnore]
    public string Volume => $"{Instance}.{Disk}";

    /// <summary>What to do about it.</summary>
    public string Advice(string group, string site) => Problem is { } problem
        ? $"it cannot be protected: it {problem}" : $"`lifeboat volume protect {group} {Volume}` at {site} takes it in";
}

/// <param name="Period">From one moment to the next.</param>
/// <param name="Last">The newest that is durable at the recovery site; null: none so far.</param>
/// <param name="LastBytes">Payload bytes that it moved.</param>
/// <param name="UnderWay">The one that is being sent now.</param>
/// <param name="Next">When the next one is due; null: none is until somebody asks for it, instances are shut down, or
/// the group is resumed.</param>
/// <param name="GivenUp">How many were given up since the source began; their changes are in the next one.</param>
/// <param name="Failure">Why the last one was given up; null: it was not.</param>
public sealed record MomentsStatus(TimeSpan Period, DateTimeOffset? Last, long LastBytes, DateTimeOffset? UnderWay,
    DateTimeOffset? Next, long GivenUp, string? Failure);

/// <param name="PointId">The point that was cut; null: none, the policy is strict or nothing is captured.</param>
/// <param name="Reason">None, or why it is not what the policy asks for.</param>
/// <param name="Detail">Which instances were not quiesced, and why.</param>
public sealed record QuiesceReport(DateTimeOffset At, Guid? PointId, Consistency? Reached, ReasonCode Reason,
    string? Detail);

/// <param name="SizeBytes">As the disk is now; 0: an agent that does not say.</param>
public sealed record VolumeStatus(string Name, bool Captured, string? Detail, long SizeBytes = 0);

public sealed record ReplicaStatus
{
    public required string Group { get; init; }
    public required Guid ReplicaId { get; init; }
    public required Epoch Epoch { get; init; }
    /// <summary>A source is connected now.</summary>
    public required bool Connected { get; init; }
    public required ReasonCode Reason { get; init; }
    public string? Detail { get; init; }
    public required long DurableSequence { get; init; }
    /// <summary>The base images stand at this sequence; any sealed point at or after it can be opened.</summary>
    public required long FoldedSequence { get; init; }
    public required long JournalBytes { get; init; }
    public required long ReceivedBytes { get; init; }
    public required long RefusedFrames { get; init; }
    public required int Points { get; init; }
    public RecoveryPoint? Newest { get; init; }
    public RecoveryPoint? Oldest { get; init; }
    public required IReadOnlyList<string> Views { get; init; }
    /// <summary>What is not whole: waiting for the source, or mended and waiting for folding to pass.</summary>
    public IReadOnlyList<DamageStatus> Damages { get; init; } = [];
    public ScrubStatus? Scrub { get; init; }
    /// <summary>Journal, base images and views are encrypted where they lie.</summary>
    public bool Encrypted { get; init; }
}
