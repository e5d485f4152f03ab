// SPDX-License-Identifier: Apache-2.0
using System.Text.Json;
using Lifeboat.Protection;

namespace Lifeboat.Contracts.Api;

/// <summary>What an alert is about. Numbers are stored and never change; the names are in kebab-case on the wire.
/// </summary>
public enum AlertKind
{
    /// <summary>More would be lost by a failover than the policy allows; not while the group is suspended.</summary>
    RpoMissed = 1,
    /// <summary>The group is not protected as it should be: degraded, in error.</summary>
    GroupDegraded = 2,
    GroupDiverged = 3,
    /// <summary>A paired site's controller does not answer.</summary>
    SiteUnreachable = 4,
    /// <summary>No connection over a path of the link lives, though some are wanted.</summary>
    LinkPathDown = 5,
    AgentDown = 6,
    ReplicaDamaged = 7,
    OutboxFull = 8,
    /// <summary>The file system of the replicas is nearly full, or history cannot be folded for want of room.</summary>
    StoreFull = 9,
    /// <summary>A point that the policy asks for was not made as it asks.</summary>
    QuiesceFailed = 10,
    DrillFailed = 11,
    /// <summary>A drill that the calendar asked for did not take place.</summary>
    DrillOverdue = 12,
    CertificateExpires = 13,
    /// <summary>Guests waited for us longer than they should.</summary>
    GuestStalled = 14,
    /// <summary>An alert could not be delivered to a target.</summary>
    DeliveryFailed = 15,
    /// <summary>A disk of a protected instance is in no group.</summary>
    VolumeUnprotected = 16,
    /// <summary>Two sites changed a named policy in ways that contradict each other.</summary>
    PolicyConflict = 17,
    /// <summary>Two sites edited a group in ways that contradict each other, or one of them deleted it.</summary>
    GroupConflict = 18,
    /// <summary>Names of a group do not lead to where its instances run since they were moved.</summary>
    NamesBehind = 25,
    /// <summary>Standing volumes of a group cannot be brought to newer points.</summary>
    StandingBehind = 31,
    /// <summary>An evacuation waits for somebody, or ended and left groups where they were.</summary>
    EvacuationUnfinished = 30,
    /// <summary>The file of access rules has faults; the rules from before hold on.</summary>
    AccessRulesFaulty = 40,
    /// <summary>Notifications wait for a message broker.</summary>
    NotificationsBehind = 41,
}

/// <summary>Numbers are stored and never change.</summary>
public enum AlertSeverity { Info = 1, Warning = 2, Critical = 3 }

/// <summary>Something that somebody should know of or act on, from when it began until it is over.</summary>
public sealed record Alert
{
    public required Guid Id { get; init; }
    public required AlertKind Kind { get; init; }
    public required AlertSeverity Severity { get; init; }
    public required ReasonCode Reason { get; init; }
    /// <summary>The site that says so.</summary>
    public required string Site { get; init; }
    /// <summary>The group, host, peer, path or certificate that it is about.</summary>
    public required string Subject { get; init; }
    /// <summary>Null: it is about the site, not about a group.</summary>
    public string? Group { get; init; }
    public string? Tenant { get; init; }
    public required string Summary { get; init; }
    /// <summary>What to do about it.</summary>
    public required string Advice { get; init; }
    /// <summary>When it was first seen, and when last (to half a minute).</summary>
    public required DateTimeOffset Since { get; init; }
    public required DateTimeOffset LastSeen { get; init; }
    public DateTimeOffset? AcknowledgedAt { get; init; }
    public string? AcknowledgedBy { get; init; }
    public DateTimeOffset? ClosedAt { get; init; }
    /// <summary>`rule`: it was over; else who closed it.</summary>
    public string? ClosedBy { get; init; }
    /// <summary>Closed by hand while what it says still holds: not raised again before that was over.</summary>
    public bool Holds { get; init; }
}

/// <summary>How alerts leave the site. Numbers are stored and never change.</summary>
public enum AlertTargetKind { Webhook = 1, Mail = 2 }

/// <summary>How a mail leaves: `none`, `start-tls` or `tls`.</summary>
public enum MailSecurity { StartTls = 0, None = 1, Tls = 2 }

/// <summary>Where alerts are sent to. Secrets are given here and never given back.</summary>
public sealed record AlertTargetRequest
{
    public required AlertTargetKind Kind { get; init; }
    /// <summary>Alerts below it are not sent.</summary>
    public AlertSeverity Least { get; init; } = AlertSeverity.Warning;
    /// <summary>Webhook: http or https.</summary>
    public string? Url { get; init; }
    /// <summary>Webhook: key of the signature; absent when a target is changed: as before.</summary>
    public string? Secret { get; init; }
    /// <summary>Mail: `host:port` of the server.</summary>
    public string? Server { get; init; }
    public MailSecurity Security { get; init; }
    public string? From { get; init; }
    public IReadOnlyList<string> To { get; init; } = [];
    /// <summary>Mail: who logs in at the server, with <see cref="Secret"/> as password; null: nobody.</summary>
    public string? User { get; init; }
}

/// <param name="HasSecret">One is kept; it is not shown.</param>
/// <param name="Waiting">Deliveries that are still tried.</param>
/// <param name="Dead">Deliveries that were given up; `lifeboat alert deliveries` lists them.</param>
public sealed record AlertTargetInfo(string Name, AlertTargetKind Kind, AlertSeverity Least, string? Url,
    string? Server, MailSecurity Security, string? From, IReadOnlyList<string> To, string? User, bool HasSecret,
    int Waiting, int Dead);

/// <summary>Numbers are stored and never change.</summary>
public enum DeliveryState { Waiting = 1, Delivered = 2, Dead = 3 }

/// <param name="Happening">`raised`, `closed` or `test`.</param>
/// <param name="NextAt">When it is tried again; null: it is not.</param>
/// <param name="Error">Of the last attempt.</param>
public sealed record AlertDelivery(Guid Id, Guid Alert, string Target, string Happening, DeliveryState State,
    int Attempts, DateTimeOffset CreatedAt, DateTimeOffset? NextAt, string? Error);

/// <summary>What a webhook is sent.</summary>
/// <param name="Happening">`raised`, `closed` or `test`.</param>
public sealed record AlertMessage(Guid Delivery, string Happening, Alert Alert)
{
    public string Json() => JsonSerializer.Serialize(this, ContractJson.Options);
}
