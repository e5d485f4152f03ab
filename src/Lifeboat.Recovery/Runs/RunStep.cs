// SPDX-License-Identifier: Apache-2.0
using System.Text.Json;
using Lifeboat.Protection;
using Lifeboat.Protection.Plans;

namespace Lifeboat.Recovery.Runs;

/// <summary>A step of a run: its name and inputs, and how it went.</summary>
public sealed record RunStep
{
    public required int Index { get; init; }
    public required string Name { get; init; }
    public required string Title { get; init; }
    /// <summary>The step record's own properties.</summary>
    public required JsonElement Parameters { get; init; }
    /// <summary>See <see cref="Plans.PlannedStep"/>.</summary>
    public bool Always { get; init; }
    public bool Barrier { get; init; }
    public TimeSpan? Predicted { get; init; }

    public StepState State { get; init; } = StepState.Pending;
    public int Attempts { get; init; }
    public DateTimeOffset? StartedAt { get; init; }
    public DateTimeOffset? FinishedAt { get; init; }
    public ReasonCode Reason { get; init; }
    public IReadOnlyList<string> Evidence { get; init; } = [];
    public IReadOnlyList<string> Warnings { get; init; } = [];

    public bool Done => State is StepState.Succeeded or StepState.Warned;
    public bool Begun => State is not (StepState.Pending or StepState.Skipped);
    public TimeSpan? Duration => FinishedAt - StartedAt;
}
