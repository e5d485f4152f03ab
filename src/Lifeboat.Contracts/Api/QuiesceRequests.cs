// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection.Policies;

namespace Lifeboat.Contracts.Api;

/// <summary>Brings one instance to rest and holds it there.</summary>
public sealed record QuiesceInstanceRequest
{
    /// <summary>The dead man thaws after it, 1 s to 10 min; null: the limit of its group's policy, else 10 s.</summary>
    public TimeSpan? Limit { get; init; }
    /// <summary>Instead of the steps of its group's policy.</summary>
    public IReadOnlyList<QuiesceStep>? Steps { get; init; }
    /// <summary>What to do when a step fails; null: as its policy says, else strict: nothing is held.</summary>
    public QuiesceFailure? OnFailure { get; init; }
}

/// <summary>Brings all instances of a group to rest, in the order of their rules, and holds them there.</summary>
public sealed record QuiesceGroupRequest
{
    /// <summary>The dead men thaw after it, counted from the first, 1 s to 10 min; null: the policy's.</summary>
    public TimeSpan? Limit { get; init; }
    /// <summary>True: when one fails all go on, whatever the rules say; else the rule of the one that fails says.
    /// </summary>
    public bool? AllOrNone { get; init; }
}

/// <param name="Id">Of the quiesce that is to end; null: whichever there is.</param>
public sealed record ThawRequest(Guid? Id = null);
