// SPDX-License-Identifier: Apache-2.0
using System.Text.Json;

namespace Lifeboat.Contracts.Api;

/// <summary>State of an <see cref="Operation"/>. Numbers are stored and never change.</summary>
public enum OperationState
{
    Running = 1,
    Succeeded = 2,
    Failed = 3,
    /// <summary>Its controller ended over it, and whether it was done has to be looked up. A run goes on.</summary>
    Lost = 4,
}

/// <summary>
/// Something that takes longer than a request should: a run, or a change that was asked for with `Prefer:
/// respond-async`.
/// </summary>
/// <param name="Request">What was asked for, e.g. `POST /v1/groups/shop/seed/export`.</param>
/// <param name="RequestId">Under which id the logs have it.</param>
/// <param name="Progress">0 to 1, when it can tell.</param>
/// <param name="Result">Where what it made is; null: nothing was made that has a place of its own.</param>
/// <param name="Answer">What the request would have been answered with.</param>
/// <param name="Problem">Why it failed.</param>
public sealed record Operation(Guid Id, string Request, string? RequestId, OperationState State,
    DateTimeOffset CreatedAt, DateTimeOffset? FinishedAt, double? Progress, string? Result, JsonElement? Answer,
    Problem? Problem);
