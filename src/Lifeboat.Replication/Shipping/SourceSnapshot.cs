// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;
using Lifeboat.Protection.RecoveryPoints;
using Lifeboat.Replication.Linking;
using Lifeboat.Replication.Moments;
using Lifeboat.Replication.Resync;

namespace Lifeboat.Replication.Shipping;

/// <summary>Where a source stands; numbers as in the agent's contract.</summary>
public enum GroupSourcePhase { Detached = 1, InitialSync = 2, Resyncing = 3, Streaming = 4, Fenced = 5, Stopped = 6 }

/// <summary>How the last sync found what to send; numbers as in the agent's contract.</summary>
public enum SyncKind { None = 0, Allocation = 1, ChangeMap = 2, HashCompare = 3, Replay = 4 }

/// <summary>Where what the guests write now is kept; numbers as in the agent's contract.</summary>
public enum OutboxRung
{
    Memory = 1,
    /// <summary>In the log on disk, in order: history stays complete.</summary>
    Log = 2,
    /// <summary>Order is given up: QEMU's change map knows which extents, not when.</summary>
    ChangeMap = 3,
}

/// <param name="Reason">Why it is not the memory alone.</param>
/// <param name="LogBytes">On the rung of the change map: what was logged before, which is shipped first.</param>
public sealed record OutboxState(OutboxRung Rung, ReasonCode Reason, DateTimeOffset Since, long MemoryBytes,
    long LogBytes);

/// <summary>A log on disk that gave bytes which are not what was written, or none.</summary>
/// <param name="Detail">File and byte among it.</param>
public sealed record LogDamage(string Detail, DateTimeOffset FoundAt);

/// <summary>What a source says of itself at one moment.</summary>
public sealed record SourceSnapshot
{
    public required string Group { get; init; }
    public required GroupSourcePhase Phase { get; init; }
    public required ReasonCode Reason { get; init; }
    public string? Detail { get; init; }
    public required DateTimeOffset Since { get; init; }
    public required Epoch Epoch { get; init; }
    public required bool Connected { get; init; }
    public required long CapturedSequence { get; init; }
    public required long DurableSequence { get; init; }
    public required long OutboxBytes { get; init; }
    public required OutboxState Outbox { get; init; }
    /// <summary>The last time that the log could not be read; what it had came by a resync.</summary>
    public LogDamage? LogDamage { get; init; }
    /// <summary>The suspension that holds now.</summary>
    public Suspension? Suspension { get; init; }
    /// <summary>
    /// Age of the oldest write that is not durable at the recovery site; while capture is given up or a batch is open,
    /// the time since the recovery site last had everything.
    /// </summary>
    public required TimeSpan Lag { get; init; }
    public required long CapturedBytes { get; init; }
    /// <summary>Bytes of records sent, replays included.</summary>
    public required long ShippedBytes { get; init; }
    /// <summary>Bytes of the frames that they travelled in, packed or not.</summary>
    public long WireBytes { get; init; }
    /// <summary>How records are packed now.</summary>
    public FrameCompression Compression { get; init; }
    public required SyncKind LastSync { get; init; }
    public required long SyncMovedBytes { get; init; }
    public required long SyncExaminedBytes { get; init; }
    /// <summary>Bytes of requests for digests and their answers, in both directions.</summary>
    public long SyncDigestBytes { get; init; }
    /// <summary>Of the sync that is under way; null: none is, or nothing of it has begun.</summary>
    public SyncForecast? Forecast { get; init; }
    /// <summary>0 to 1.</summary>
    public required double SyncProgress { get; init; }
    public required long Attaches { get; init; }
    public RecoveryPoint? LastSealed { get; init; }
    /// <summary>Null: writes are captured.</summary>
    public MomentsSnapshot? Moments { get; init; }
    public required IReadOnlyList<VolumeSnapshot> Volumes { get; init; }
}

public sealed record VolumeSnapshot(string Name, bool Captured, string? Detail, long SizeBytes);
