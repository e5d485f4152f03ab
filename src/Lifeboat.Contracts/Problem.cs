// SPDX-License-Identifier: Apache-2.0
using System.Text.Json.Serialization;
using Lifeboat.Protection;

namespace Lifeboat.Contracts;

/// <summary>Problem details (RFC 9457) with our reason code; every refused request answers with one.</summary>
/// <param name="Title">What was wrong, in one sentence.</param>
/// <param name="Status">The HTTP status once more.</param>
/// <param name="Detail">Where, and what to do.</param>
/// <param name="Reason">What programs decide by; the same as the command line's exit code.</param>
/// <param name="Errors">All faults of the request, when there are several.</param>
/// <param name="Faults">The same for programs, when the places in the request are known.</param>
/// <param name="RequestId">Under which id the logs of controller and agents have it.</param>
public sealed record Problem(
    [property: JsonPropertyName("title")] string Title,
    [property: JsonPropertyName("status")] int Status,
    [property: JsonPropertyName("detail")] string? Detail,
    [property: JsonPropertyName("reason")] ReasonCode Reason,
    [property: JsonPropertyName("errors")] IReadOnlyList<string>? Errors = null,
    [property: JsonPropertyName("faults")] IReadOnlyList<ProblemFault>? Faults = null,
    [property: JsonPropertyName("requestId")] string? RequestId = null);

/// <summary>One fault of a request.</summary>
/// <param name="Detail">What is wrong there.</param>
/// <param name="Pointer">
/// Place in the body: a JSON pointer (RFC 6901) as a URI fragment, e.g. `#/members/0/instance`.
/// </param>
/// <param name="Parameter">Name of the query parameter or header, when the fault is not in the body.</param>
/// <param name="At">Place in a file that was sent; the pointer is one into its document then.</param>
public sealed record ProblemFault(string Detail, string? Pointer = null, string? Parameter = null,
    FilePlace? At = null)
{
    public override string ToString() => At is null ? $"{Pointer ?? Parameter}: {Detail}"
        : Pointer is null or "#" ? $"{At}: {Detail}" : $"{At} {Pointer}: {Detail}";
}

/// <param name="Line">The first is 1.</param>
/// <param name="Column">The first is 1.</param>
public sealed record FilePlace(string File, int Line, int Column)
{
    public override string ToString() => FormattableString.Invariant($"{File}:{Line}:{Column}");
}

/// <summary>The one exception of the API boundary, on both sides of it.</summary>
public sealed class ProblemException(ReasonCode reason, string title, string? detail = null,
    IReadOnlyList<string>? errors = null, Exception? cause = null) : Exception(title, cause)
{
    /// <summary>A request with faults at known places.</summary>
    public static ProblemException Of(string title, IReadOnlyList<ProblemFault> faults) =>
        new(ReasonCode.InvalidRequest, title, null, [.. faults.Select(f => f.ToString())]) { Faults = faults };

    public ReasonCode Reason => reason;
    public string? Detail => detail;
    public IReadOnlyList<string>? Errors => errors;
    public IReadOnlyList<ProblemFault>? Faults { get; init; }
    /// <summary>Of the request that was refused by another process.</summary>
    public string? RequestId { get; init; }
}
