// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection;

namespace Lifeboat.Contracts.Api;

/// <summary>
/// Something that somebody should look at, though everything went on: it stays until somebody closes it. Of a kind, a
/// group has one open at a time; what happens again is counted in it.
/// </summary>
/// <param name="Kind">`quiesce-failed`.</param>
/// <param name="Reason">Of the last time.</param>
/// <param name="Detail">Of the last time: which instances, and why.</param>
/// <param name="WhatToDo">For people.</param>
/// <param name="Count">How often it happened since it was opened.</param>
/// <param name="ClosedAt">Null: it is open.</param>
/// <param name="Closing">Why somebody closed it.</param>
public sealed record FollowUp(Guid Id, string Kind, string Group, ReasonCode Reason, string? Detail, string WhatToDo,
    DateTimeOffset OpenedAt, DateTimeOffset LastAt, long Count, DateTimeOffset? ClosedAt, string? Closing);

/// <param name="Reason">For those who ask later; 1 to 500 characters.</param>
public sealed record CloseFollowUpRequest(string Reason);
