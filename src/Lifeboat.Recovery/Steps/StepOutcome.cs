// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection;

namespace Lifeboat.Recovery.Steps;

/// <summary>What a step saw and hands on.</summary>
public sealed record StepOutcome
{
    public IReadOnlyList<string> Evidence { get; init; } = [];
    /// <summary>Makes the run `succeeded-with-warnings`.</summary>
    public IReadOnlyList<string> Warnings { get; init; } = [];
    public ReasonCode Reason { get; init; }
    /// <summary>A record that later steps read by its type.</summary>
    public object? Output { get; init; }
    /// <summary>The instances are now known to serve: the RTO ends here.</summary>
    public bool Verified { get; init; }

    public static StepOutcome Saw(params IReadOnlyList<string> evidence) => new() { Evidence = evidence };
}
