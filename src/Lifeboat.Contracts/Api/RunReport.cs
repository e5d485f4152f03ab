// SPDX-License-Identifier: Apache-2.0
using System.Text.Json;
using Lifeboat.Protection;
using Lifeboat.Protection.Plans;
using Lifeboat.Protection.RecoveryPoints;

namespace Lifeboat.Contracts.Api;

/// <summary>The record of a run, signed. Digest and signature are over the UTF-8 bytes of the body.</summary>
/// <param name="Body">A <see cref="ReportBody"/> as compact JSON: text, so that its bytes never change.</param>
/// <param name="Digest">SHA-256 of the body, lower-case hex.</param>
/// <param name="Signature">ECDSA P-256 over the body with SHA-256, DER, base64.</param>
/// <param name="Certificate">The signing controller's certificate, PEM; it chains to the site's CA.</param>
public sealed record RunReport(string Body, string Digest, string Signature, string Certificate)
{
    public ReportBody Read() => JsonSerializer.Deserialize<ReportBody>(Body, ContractJson.Options)!;
}

public sealed record ReportBody
{
    public int Format { get; init; } = 1;
    public required Guid Run { get; init; }
    public required string Group { get; init; }
    public required RunKind Kind { get; init; }
    public required RunState Outcome { get; init; }
    public required ReasonCode Reason { get; init; }
    public string? Detail { get; init; }
    /// <summary>The site that ran it and where the instances ran before.</summary>
    public required string Site { get; init; }
    public required string PrimaryBefore { get; init; }
    public required string PrimaryAfter { get; init; }
    public required DateTimeOffset StartedAt { get; init; }
    public required DateTimeOffset FinishedAt { get; init; }
    /// <summary>Who asked for it; null: the site by itself.</summary>
    public string? RequestedBy { get; init; }
    /// <summary>Who approved it and when, where somebody else had to; null: nobody had to, or did.</summary>
    public string? ApprovedBy { get; init; }
    public DateTimeOffset? ApprovedAt { get; init; }
    public RecoveryPoint? Point { get; init; }
    public required ReportedRpo Rpo { get; init; }
    public required ReportedRto Rto { get; init; }
    public required IReadOnlyList<ReportedStep> Steps { get; init; }
    public required IReadOnlyList<string> Warnings { get; init; }
    public required IReadOnlyList<ReportedResync> Resyncs { get; init; }
    /// <summary>Requests this controller made to the other site while the run was under way.</summary>
    public required long PeerRequests { get; init; }
    public required IReadOnlyList<string> Versions { get; init; }
}

/// <param name="Reached">
/// What is missing as far as this site knows: 0 for a move from a clean shutdown; else from the point's cut to when the
/// source was last seen. What the source wrote after that is not known here.
/// </param>
/// <param name="Bound">The most that can be missing: from the point's cut to the start of the run.</param>
/// <param name="Explanation">In words.</param>
public sealed record ReportedRpo(TimeSpan Target, TimeSpan? Reached, TimeSpan? Bound, DateTimeOffset? DataUpTo,
    DateTimeOffset? SourceLastSeen, bool Met, string Explanation);

/// <param name="Reached">
/// Until the instances were verified: from the start of the run, of a planned move from the start of the shut-down.
/// </param>
public sealed record ReportedRto(TimeSpan Target, TimeSpan? Reached, TimeSpan? Predicted, bool Met);

public sealed record ReportedStep(int Index, string Name, string Title, StepState State, int Attempts,
    DateTimeOffset? StartedAt, TimeSpan? Duration, TimeSpan? Predicted, ReasonCode Reason,
    IReadOnlyList<string> Evidence);

/// <param name="Kind">How the resync found what to send.</param>
public sealed record ReportedResync(string From, string To, Agents.ResyncKind Kind, long MovedBytes,
    long ExaminedBytes);
