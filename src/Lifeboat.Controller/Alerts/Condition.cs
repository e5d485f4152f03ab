// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Api;
using Lifeboat.Protection;

namespace Lifeboat.Controller.Alerts;

/// <summary>Something that holds now and is worth an alert.</summary>
internal sealed record Condition(AlertKind Kind, AlertSeverity Severity, string Subject, ReasonCode Reason,
    string Summary, string Advice)
{
    /// <summary>The group and the tenant that it is about; null: about the site.</summary>
    public string? Group { get; init; }
    public string? Tenant { get; init; }
    /// <summary>It holds this long before anybody hears of it.</summary>
    public TimeSpan Patience { get; init; } = TimeSpan.FromSeconds(15);
    /// <summary>It is over when it was not seen for this long.</summary>
    public TimeSpan Linger { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>One alert at a time is open for it.</summary>
    public string Key => $"{(int)Kind}/{Subject}";
}
