// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection;
using Lifeboat.Protection.Plans;

namespace Lifeboat.Contracts.Api;

/// <summary>Asks for a run; refused with RunInProgress while the group has another.</summary>
public sealed record StartRunRequest
{
    public required RunKind Kind { get; init; }
    /// <summary>Test failover and failover only; null: the newest sealed point.</summary>
    public Guid? PointId { get; init; }
    /// <summary>
    /// Failover only: somebody knows that the instances do not run any more at the site that is left, though it is
    /// connected and answers; without that it is refused then (WrongState), for both sites would write.
    /// </summary>
    public bool SourceIsDead { get; init; }
    /// <summary>
    /// It is begun though instances cannot all run at the site (PlanGaps), as far as it comes; a group that cannot be
    /// recovered whole may be worth recovering in part.
    /// </summary>
    public bool DespiteGaps { get; init; }
    /// <summary>Resolve only: which side stays.</summary>
    public ForkChoice? Choice { get; init; }
    /// <summary>Checks in addition to the group's own.</summary>
    public IReadOnlyList<string> Checks { get; init; } = [];
    /// <summary>Test failover only: keep the copies running this long after verification, or until released.</summary>
    public TimeSpan? Hold { get; init; }
    /// <summary>
    /// Test failover with a hold only: ways for people into the drill, each INSTANCE:PORT@CIDR, TCP to that port of
    /// that instance from those IPv4 addresses; the step `open-ways` says where they lead. Nothing leads out.
    /// </summary>
    public IReadOnlyList<string> Ways { get; init; } = [];
    /// <summary>Repeating a request with the same key returns the run it made.</summary>
    public string? IdempotencyKey { get; init; }
}

public sealed record RunInfo
{
    public required Guid Id { get; init; }
    public required string Group { get; init; }
    public required RunKind Kind { get; init; }
    public required RunState State { get; init; }
    public required ReasonCode Reason { get; init; }
    public string? Detail { get; init; }
    /// <summary>The site it runs at, and the other one.</summary>
    public required string Site { get; init; }
    public required string OtherSite { get; init; }
    public Guid? PointId { get; init; }
    public required DateTimeOffset CreatedAt { get; init; }
    /// <summary>Who asked for it; null: the site by itself.</summary>
    public string? RequestedBy { get; init; }
    /// <summary>Who approved it, where somebody else had to.</summary>
    public string? ApprovedBy { get; init; }
    public DateTimeOffset? FinishedAt { get; init; }
    /// <summary>Measured so far, and what earlier steps of the same kind foretell; null: never measured.</summary>
    public required TimeSpan Elapsed { get; init; }
    public TimeSpan? Predicted { get; init; }
    public required IReadOnlyList<StepInfo> Steps { get; init; }
    public required IReadOnlyList<string> Warnings { get; init; }

    public bool Finished => FinishedAt is not null;
}

/// <param name="Name">The step's name, e.g. `open-view`; may occur twice in a failback.</param>
/// <param name="Title">What it does, for people.</param>
/// <param name="Attempts">1 and more once it was begun; more than 1 after a restart or a retry.</param>
/// <param name="Progress">0 to 1 while it runs, when it can tell.</param>
/// <param name="Evidence">What it saw, in sentences.</param>
public sealed record StepInfo(int Index, string Name, string Title, StepState State, int Attempts,
    DateTimeOffset? StartedAt, TimeSpan? Duration, TimeSpan? Predicted, double? Progress, string? Note,
    ReasonCode Reason, IReadOnlyList<string> Evidence);

/// <summary>What a run would do, without doing it.</summary>
/// <param name="Gaps">What would make it fail now, of all instances; empty when nothing is known to.</param>
public sealed record PlanInfo(string Group, RunKind Kind, string Site, IReadOnlyList<PlannedStepInfo> Steps,
    TimeSpan? Predicted, IReadOnlyList<string> Gaps)
{
    /// <summary>What will be made or different at the site, and what the site is not told.</summary>
    public IReadOnlyList<string> Notes { get; init; } = [];
}

public sealed record PlannedStepInfo(int Index, string Name, string Title, TimeSpan? Predicted);
