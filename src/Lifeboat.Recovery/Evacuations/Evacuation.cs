// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection;
using Lifeboat.Protection.Plans;

namespace Lifeboat.Recovery.Evacuations;

/// <summary>The move of many groups to this site, in waves, whole: enough to go on with after a kill.</summary>
public sealed record Evacuation
{
    public required Guid Id { get; init; }
    /// <summary>The site that it is carried out at, and that the groups are moved to.</summary>
    public required string Site { get; init; }
    /// <summary>The site that is left.</summary>
    public required string From { get; init; }
    /// <summary>The one tenant that it is about; null: the site's own, over groups of any.</summary>
    public string? Tenant { get; init; }
    public required EvacuationState State { get; init; }
    public string? Detail { get; init; }
    public required EvacuationOptions Options { get; init; }
    public string? RequestedBy { get; init; }
    public string? IdempotencyKey { get; init; }
    public required DateTimeOffset CreatedAt { get; init; }
    public DateTimeOffset? FinishedAt { get; init; }
    /// <summary>The wave whose turn it is; the first is 1.</summary>
    public required int Wave { get; init; }
    /// <summary>The wave has ended and the next one waits for somebody; also while it is paused.</summary>
    public bool Held { get; init; }
    /// <summary>In the order of their turns.</summary>
    public required IReadOnlyList<Evacuee> Groups { get; init; }
    /// <summary>One more with each write: of two who read the same one, one is refused.</summary>
    public long Revision { get; init; }

    public bool Finished => FinishedAt is not null;
    public int Waves => Groups.Count == 0 ? 0 : Groups.Max(g => g.Wave);
    public RunKind Kind => Options.SourceIsDead ? RunKind.Failover : RunKind.PlannedFailover;
    /// <summary>Of the run of each of its groups: a group has one run in an evacuation, however often it is asked
    /// for.</summary>
    public string RunKey => $"evacuation-{Id:N}";

    public Evacuation With(Evacuee changed) =>
        this with { Groups = [.. Groups.Select(g => g.Group == changed.Group ? changed : g)] };
}

/// <summary>What was asked for.</summary>
/// <param name="Parallel">Runs under way at a time, at most.</param>
/// <param name="HoldBetweenWaves">A wave waits for somebody's `continue`, but for the first.</param>
/// <param name="KeepGoing">Later waves have their turn though a group could not be moved.</param>
/// <param name="SourceIsDead">The site that is left is lost: it is asked nothing; what was not sent is lost.</param>
/// <param name="Checks">Of every run, in addition to its group's own.</param>
public sealed record EvacuationOptions(int Parallel, bool HoldBetweenWaves, bool KeepGoing, bool SourceIsDead,
    IReadOnlyList<string> Checks)
{
    /// <summary>Runs are begun though the site lacks something for their instances.</summary>
    public bool DespiteGaps { get; init; }
}

/// <summary>One group of an evacuation.</summary>
public sealed record Evacuee(string Group, int Wave)
{
    public EvacueeState State { get; init; } = EvacueeState.Waiting;
    public Guid? Run { get; init; }
    /// <summary>Why it could not be moved; while it is starting, why it has to wait.</summary>
    public ReasonCode Reason { get; init; }
    public string? Detail { get; init; }
    /// <summary>What earlier runs foretell; null: never measured.</summary>
    public TimeSpan? Predicted { get; init; }
    /// <summary>When its run was asked for.</summary>
    public DateTimeOffset? StartedAt { get; init; }
    public DateTimeOffset? FinishedAt { get; init; }

    /// <summary>It has one of the places of runs under way.</summary>
    public bool Active => State is EvacueeState.Starting or EvacueeState.WaitingApproval or EvacueeState.Running;
    public bool Ended => State is EvacueeState.Moved or EvacueeState.Failed or EvacueeState.Skipped;
}

/// <summary>What people ask of an evacuation under way.</summary>
public enum EvacuationSignal
{
    Pause = 1,
    Resume = 2,
    /// <summary>The next wave may begin.</summary>
    Continue = 3,
    Cancel = 4,
}
