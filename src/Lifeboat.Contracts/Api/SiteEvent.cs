// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection;

namespace Lifeboat.Contracts.Api;

/// <summary>What a <see cref="SiteEvent"/> is about. Numbers are stored and never change.</summary>
public enum SiteEventKind
{
    /// <summary>The group is in another state, or in it for another reason.</summary>
    GroupState = 1,
    /// <summary>The group has a new version of its definition.</summary>
    Definition = 2,
    /// <summary>The group has a newer sealed recovery point.</summary>
    Point = 3,
    /// <summary>A run or one of its steps is in another state.</summary>
    Run = 4,
    /// <summary>An alert was raised, acknowledged or closed.</summary>
    Alert = 5,
    /// <summary>
    /// Events up to this number were kept long enough and some of them are removed, which whoever resumes before it has
    /// missed: look at everything anew. It is in no log; who asks to resume is told.
    /// </summary>
    Removed = 6,
    /// <summary>An evacuation, or what has become of one of its groups, is in another state.</summary>
    Evacuation = 7,
}

/// <summary>Something that happened at the site, as `/v1/events/stream` sends it.</summary>
/// <param name="Number">Grows; the id to resume behind.</param>
/// <param name="Group">Null: it is about the site, not about a group.</param>
/// <param name="Subject">Id of the run, point, alert or evacuation; `EPOCH.VERSION` of a definition; else null.</param>
/// <param name="State">What it is now, e.g. `protected`, `running`, `raised`.</param>
/// <param name="Text">For people.</param>
public sealed record SiteEvent(long Number, DateTimeOffset At, SiteEventKind Kind, string? Tenant, string? Group,
    string? Subject, string State, ReasonCode Reason, string Text);
