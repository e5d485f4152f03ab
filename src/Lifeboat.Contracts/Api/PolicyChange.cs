// SPDX-License-Identifier: Apache-2.0
using System.Text.Json;
using Lifeboat.Protection.Links;
using Lifeboat.Protection.Policies;

namespace Lifeboat.Contracts.Api;

/// <summary>What is to be different in a group's policy; null leaves it as it is.</summary>
public sealed record PolicyChange
{
    public TimeSpan? RpoTarget { get; init; }
    public TimeSpan? RtoTarget { get; init; }
    public TimeSpan? CheckpointInterval { get; init; }
    public ChangeSource? Source { get; init; }
    public TimeSpan? SourcePeriod { get; init; }
    public MomentTrigger? SourceTrigger { get; init; }
    /// <summary>Zero: no longer by policy, only on request.</summary>
    public TimeSpan? QuiesceInterval { get; init; }
    /// <summary>Zero: points are shared on request only.</summary>
    public TimeSpan? SharedInterval { get; init; }
    public TimeSpan? QuiesceLimit { get; init; }
    /// <summary>Empty: none.</summary>
    public string? QuiesceLabel { get; init; }
    public QuiesceFailure? OnQuiesceFailure { get; init; }
    /// <summary>In the place of those of the same instances.</summary>
    public IReadOnlyList<QuiesceRule>? QuiesceRules { get; init; }
    /// <summary>Instances that are brought to rest by their guest agents again.</summary>
    public IReadOnlyList<string>? QuiesceDefaults { get; init; }
    /// <summary>
    /// As <see cref="Protection.Policies.Retention"/> is written; text, so that all its faults can be told.
    /// </summary>
    public string? Retention { get; init; }

    /// <summary>Memory for unsent writes, bytes. With another one the source begins its stream anew.</summary>
    public long? OutboxBytes { get; init; }
    /// <summary>Disk for unsent writes that do not fit that memory, bytes; 0: none. As the memory.</summary>
    public long? OutboxLogBytes { get; init; }

    /// <summary>As <see cref="LinkChange"/> has them, of this group alone.</summary>
    public string? ShipCap { get; init; }
    public IReadOnlyList<string>? ShipWindows { get; init; }
    public string? ShipTimeZone { get; init; }
    public LinkPriority? Priority { get; init; }
    /// <summary>Five fields of cron; empty: only on request.</summary>
    public string? DrillCalendar { get; init; }
    /// <summary>An IANA name; empty: UTC.</summary>
    public string? DrillTimeZone { get; init; }

    /// <summary>Of a group only: the named policy that it follows from now on; empty: none any more.</summary>
    public string? Follow { get; init; }
    /// <summary>Of a group only: fields that are as the named policy has them again.</summary>
    public IReadOnlyList<string>? Inherit { get; init; }

    /// <returns>The policy with the change, and all that is wrong with it.</returns>
    public (Policy Policy, IReadOnlyList<string> Problems) Applied(Policy policy)
    {
        var (retention, problems) = Retention is { } text ? Protection.Policies.Retention.Parse(text) : (null, []);
        var changed = policy with
        {
            RpoTarget = RpoTarget ?? policy.RpoTarget,
            RtoTarget = RtoTarget ?? policy.RtoTarget,
            CheckpointInterval = CheckpointInterval ?? policy.CheckpointInterval,
            Source = Source ?? policy.Source,
            SourcePeriod = SourcePeriod ?? policy.SourcePeriod,
            SourceTrigger = SourceTrigger ?? policy.SourceTrigger,
            QuiesceInterval = QuiesceInterval switch
            {
                null => policy.QuiesceInterval,
                { Ticks: 0 } => null,
                var interval => interval,
            },
            SharedInterval = SharedInterval switch
            {
                null => policy.SharedInterval,
                { Ticks: 0 } => null,
                var interval => interval,
            },
            OutboxBytes = OutboxBytes ?? policy.OutboxBytes,
            OutboxLogBytes = OutboxLogBytes ?? policy.OutboxLogBytes,
            QuiesceLimit = QuiesceLimit ?? policy.QuiesceLimit,
            QuiesceLabel = QuiesceLabel switch { null => policy.QuiesceLabel, "" => null, var label => label },
            OnQuiesceFailure = OnQuiesceFailure ?? policy.OnQuiesceFailure,
            Quiesce = policy.Quiesce.Without(QuiesceDefaults ?? []).With(QuiesceRules ?? []),
            Retention = retention ?? policy.Retention,
            ShipBytesPerSecond = ShipCap switch
            {
                null => policy.ShipBytesPerSecond,
                "" or "none" => null,
                var cap => DataRate.TryParse(cap, out var rate) ? rate : null,
            },
            ShipWindows = ShipWindows is null ? policy.ShipWindows : string.Join("; ", ShipWindows),
            ShipTimeZone = ShipTimeZone ?? policy.ShipTimeZone,
            Priority = Priority ?? policy.Priority,
            DrillCalendar = DrillCalendar switch { null => policy.DrillCalendar, "" => null, var cron => cron },
            DrillTimeZone = DrillTimeZone switch { null => policy.DrillTimeZone, "" => null, var zone => zone },
        };
        return (changed, [.. problems, .. CapProblems(), .. changed.Problems()]);
    }

    /// <summary>The fields of a policy that the change has a value for.</summary>
    public IReadOnlyList<string> Given() =>
    [
        .. JsonSerializer.SerializeToElement(this, ContractJson.Options).EnumerateObject()
            .Select(p => p.Name == "shipCap" ? "shipBytesPerSecond" : p.Name),
    ];

    private IEnumerable<string> CapProblems()
    {
        if (ShipCap is not (null or "" or "none") && !DataRate.TryParse(ShipCap, out _))
            yield return $"cap '{ShipCap}' is not a rate: {DataRate.Rule}";
    }
}
