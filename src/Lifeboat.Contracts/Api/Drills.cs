// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection;
using Lifeboat.Protection.Plans;

namespace Lifeboat.Contracts.Api;

/// <summary>A group's drills: what the calendar says, and what became of the last ones, at the recovery site.</summary>
public sealed record DrillStatus
{
    /// <summary>As the policy has it; null: only on request.</summary>
    public string? Calendar { get; init; }
    public string? TimeZone { get; init; }
    public DateTimeOffset? NextDue { get; init; }
    /// <summary>The last one that was due by the calendar; null: none was yet, or another site knows.</summary>
    public DueDrill? LastDue { get; init; }
    /// <summary>The last one that ended, asked for by whomever.</summary>
    public EndedDrill? Last { get; init; }
}

/// <summary>Numbers are stored and never change.</summary>
public enum DueOutcome { Started = 1, Skipped = 2 }

/// <param name="Run">Null: it was skipped.</param>
/// <param name="Missed">Earlier ones that were due while no controller ran; this one stands for them.</param>
/// <param name="Reason">Why it was skipped.</param>
public sealed record DueDrill(DateTimeOffset Due, DueOutcome Outcome, Guid? Run, DateTimeOffset At, int Missed,
    ReasonCode Reason, string? Detail);

public sealed record EndedDrill(Guid Run, RunState State, DateTimeOffset EndedAt, ReasonCode Reason, string? Detail)
{
    public bool Passed => State is RunState.Succeeded or RunState.SucceededWithWarnings;
}
