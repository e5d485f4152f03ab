// SPDX-License-Identifier: Apache-2.0
using System.Text.Json;

namespace Lifeboat.Contracts.Api;

/// <summary>
/// One line of the audit log: a change that was asked for and what came of it, or something that the site found itself.
/// </summary>
/// <param name="Actor">`local` for the unix socket, `site` for what was found, else the user or the paired
/// site.</param>
/// <param name="Outcome">`ok` or the reason code.</param>
public sealed record AuditEvent(long Number, DateTimeOffset At, string Actor, string Action, string Subject,
    string Outcome, string? Detail)
{
    /// <summary>Whose matter it was; null: the site's.</summary>
    public string? Tenant { get; init; }
    /// <summary>The address that the request came from, or `unix`.</summary>
    public string? From { get; init; }
    /// <summary>Id of the request, as logs have it.</summary>
    public string? Request { get; init; }
    /// <summary>What was defined before and after, where a definition was changed.</summary>
    public JsonElement? Before { get; init; }
    public JsonElement? After { get; init; }
}

/// <summary>What a look through the whole audit log found.</summary>
/// <param name="Rows">That were looked at.</param>
/// <param name="First">Number of the oldest row that is kept.</param>
/// <param name="Head">`NUMBER:SEAL` of the newest row: noted elsewhere, it proves later that nothing up to it was
/// changed or cut off.</param>
/// <param name="Broken">Number of the first row that does not fit; null: all fit.</param>
public sealed record AuditVerdict(long Rows, long First, string Head, long? Broken, string? Problem);
