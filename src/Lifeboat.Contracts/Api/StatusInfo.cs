// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Agents;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;
using Lifeboat.Protection.Plans;
using Lifeboat.Protection.RecoveryPoints;

namespace Lifeboat.Contracts.Api;

/// <summary>
/// Whether everything can be recovered now, to when, how long it would take, what is wrong and what to do: what the
/// asker may see of it.
/// </summary>
public sealed record StatusInfo
{
    public required string Site { get; init; }
    /// <summary>By the asked site's clock; ages are counted from it.</summary>
    public required DateTimeOffset At { get; init; }
    /// <summary>What needs somebody first, then by name.</summary>
    public required IReadOnlyList<GroupStatus> Groups { get; init; }
    /// <summary>Those that are open, the gravest first.</summary>
    public required IReadOnlyList<Alert> Alerts { get; init; }
}

/// <summary>Whether a group could be failed over now.</summary>
public enum Recoverable
{
    /// <summary>No: there is no point to recover to, the agent that has it does not answer, or a move has to be
    /// finished first; reason and advice say which.</summary>
    No = 0,
    /// <summary>To a point that is older than the policy's RPO target.</summary>
    Late = 1,
    Yes = 2,
}

/// <summary>One group's answer.</summary>
public sealed record GroupStatus
{
    public required string Group { get; init; }
    public required string Tenant { get; init; }
    public required string PrimarySite { get; init; }
    public required string RecoverySite { get; init; }
    public required Recoverable Recoverable { get; init; }
    public required GroupState State { get; init; }
    public required ReasonCode Reason { get; init; }
    public string? Detail { get; init; }
    /// <summary>Of the newest sealed point; null: there is none, or nobody who knows answers.</summary>
    public DateTimeOffset? NewestPoint { get; init; }
    public Consistency? NewestConsistency { get; init; }
    /// <summary>What a failover now would lose at most.</summary>
    public TimeSpan? Exposure { get; init; }
    /// <summary>Where unsent writes are kept; null: the primary site does not answer.</summary>
    public OutboxStatus? Outbox { get; init; }
    /// <summary>Of the sync under way; null: there is none.</summary>
    public SyncForecastStatus? Forecast { get; init; }
    /// <summary>What is not whole at the recovery site.</summary>
    public IReadOnlyList<DamageStatus> Damages { get; init; } = [];
    /// <summary>Disks of the group's instances that are not replicated.</summary>
    public IReadOnlyList<UnprotectedDisk> Unprotected { get; init; } = [];
    /// <summary>Its drills, as the asked site knows of them; null: there were none and none are due.</summary>
    public DrillStatus? Drills { get; init; }
    /// <summary>When it was last shown that it works; only the recovery site knows. Null: never.</summary>
    public RecoveryProof? Proof { get; init; }
    /// <summary>The last run that should have shown it and did not, when it is newer than the proof.</summary>
    public FailedProof? Failed { get; init; }
    /// <summary>What to do; `nothing` when there is nothing.</summary>
    public required string Advice { get; init; }
}

/// <summary>A drill or a move that ended with instances that were verified.</summary>
/// <param name="At">When they were verified.</param>
/// <param name="Took">From the command (a planned move: from the shutdown) until then: as long the next will take.
/// </param>
public sealed record RecoveryProof(Guid Run, RunKind Kind, DateTimeOffset At, TimeSpan Took);

public sealed record FailedProof(Guid Run, RunKind Kind, DateTimeOffset At, ReasonCode Reason);
