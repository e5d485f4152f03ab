// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Contracts.Api;

/// <summary>
/// One line of the audit log: a change that was asked for and what came of it, or something that the site found itself.
/// </summary>
/// <param name="Actor">`local` for the unix socket, `site` for what was found, else the paired site.</param>
/// <param name="Outcome">`ok` or the reason code.</param>
public sealed record AuditEvent(long Number, DateTimeOffset At, string Actor, string Action, string Subject,
    string Outcome, string? Detail);
