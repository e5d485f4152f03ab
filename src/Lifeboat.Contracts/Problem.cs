// SPDX-License-Identifier: Apache-2.0
using System.Text.Json.Serialization;
using Lifeboat.Protection;

namespace Lifeboat.Contracts;

/// <summary>Problem details (RFC 9457) with our reason code; every refused request answers with one.</summary>
/// <param name="Title">What was wrong, in one sentence.</param>
/// <param name="Detail">Where, and what to do.</param>
/// <param name="Errors">All faults of the request, when there are several.</param>
public sealed record Problem(
    [property: JsonPropertyName("title")] string Title,
    [property: JsonPropertyName("status")] int Status,
    [property: JsonPropertyName("detail")] string? Detail,
    [property: JsonPropertyName("reason")] ReasonCode Reason,
    [property: JsonPropertyName("errors")] IReadOnlyList<string>? Errors = null);

/// <summary>The one exception of the API boundary, on both sides of it.</summary>
public sealed class ProblemException(ReasonCode reason, string title, string? detail = null,
    IReadOnlyList<string>? errors = null, Exception? cause = null) : Exception(title, cause)
{
    public ReasonCode Reason => reason;
    public string? Detail => detail;
    public IReadOnlyList<string>? Errors => errors;
}
