// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection;
using Lifeboat.Protection.Policies;
using Lifeboat.Protection.RecoveryPoints;

namespace Lifeboat.Contracts.Agents;

/// <summary>Asks an agent to bring instances to rest and hold them there until a thaw, or the limit.</summary>
/// <param name="Id">Given by who asks: repeating the request finds it.</param>
/// <param name="Subject">What was asked for, for people: an instance or a group.</param>
/// <param name="Limit">1 s to 10 min. The dead man thaws after it, whoever lives.</param>
/// <param name="AllOrNone">When one cannot be brought to rest all go on, and the request is refused.</param>
public sealed record HoldRequest(
    Guid Id, string Subject, IReadOnlyList<HoldMember> Members, TimeSpan Limit, bool AllOrNone);

/// <param name="Rule">Its steps, and its order among the members.</param>
public sealed record HoldMember(string Instance, string? GuestAgentSocket, QuiesceRule Rule);

/// <summary>Asks to let instances go on. What is not held is let go on all the same.</summary>
/// <param name="Id">Of the quiesce that is to end; null: whichever there is.</param>
public sealed record ReleaseRequest(Guid? Id, string Subject, IReadOnlyList<HoldMember> Members);

/// <summary>Instances that were brought to rest by request.</summary>
public sealed record QuiesceInfo
{
    public required Guid Id { get; init; }
    /// <summary>The instance or group that was asked for.</summary>
    public required string Subject { get; init; }
    public required DateTimeOffset BeganAt { get; init; }
    /// <summary>When the dead man thaws.</summary>
    public required DateTimeOffset Deadline { get; init; }
    /// <summary>When it was thawed by request; null: it was not.</summary>
    public DateTimeOffset? EndedAt { get; init; }
    /// <summary>
    /// Every member is held now; of an ended one: was held until it was thawed. False: somebody came first, as the dead
    /// man does at the deadline.
    /// </summary>
    public required bool Held { get; init; }
    /// <summary>The lowest of its members.</summary>
    public required Consistency Reached { get; init; }
    public required IReadOnlyList<QuiescedInstance> Members { get; init; }
}

/// <param name="Reached">Crash: it is not held.</param>
/// <param name="Reason">None, or why it is not what was asked for, or not known to go on.</param>
/// <param name="Evidence">What each step said, in the order they were done.</param>
public sealed record QuiescedInstance(
    string Instance, Consistency Reached, bool Held, ReasonCode Reason, IReadOnlyList<string> Evidence);
