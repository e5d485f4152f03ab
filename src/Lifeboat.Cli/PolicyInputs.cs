// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;
using Lifeboat.Contracts.Api;
using Lifeboat.Protection.Links;
using Lifeboat.Protection.Policies;

namespace Lifeboat.Cli;

/// <summary>Options for the fields of a policy that are changed, and how a policy reads.</summary>
internal sealed class PolicyInputs
{
    private readonly Option<TimeSpan?> _rpo = Inputs.Duration("--rpo", "RPO target");
    private readonly Option<TimeSpan?> _rto = Inputs.Duration("--rto", "RTO target");
    private readonly Option<TimeSpan?> _interval =
        Inputs.Duration("--checkpoint-interval", "How often a crash-consistent point is cut");
    private readonly Option<ChangeSource?> _source = Inputs.Source();
    private readonly Option<TimeSpan?> _period = Inputs.SourcePeriod();
    private readonly Option<MomentTrigger?> _trigger = Inputs.SourceTrigger();
    private readonly Option<TimeSpan?> _quiesce = Inputs.Duration("--quiesce-interval",
        "How often the guests are quiesced; 0s: only on request");
    private readonly Option<TimeSpan?> _shared = Inputs.Duration("--shared-interval",
        "How often a point shared by all groups of an application is cut; 0s: only on request");
    private readonly Option<TimeSpan?> _limit = Inputs.Duration("--quiesce-limit", "Guests are thawed after this long");
    private readonly Option<string?> _label = new("--quiesce-label")
    {
        Description = "Label of the points that are quiesced by policy; empty: none",
    };

    private readonly Option<QuiesceFailure?> _failure =
        Inputs.Choice<QuiesceFailure>("--on-quiesce-failure", "What a failed quiesce means");
    private readonly Option<string?> _retention = Inputs.Retention();
    private readonly Option<long?> _outbox = new("--outbox-mib") { Description = "Memory for unsent writes, MiB" };
    private readonly Option<long?> _log = new("--outbox-log-mib")
    {
        Description = "Disk for unsent writes that do not fit that memory, MiB; 0: none",
    };

    private readonly Option<string?> _cap = Inputs.Cap("What a group ships a second");
    private readonly Option<string[]?> _windows = Inputs.Windows();
    private readonly Option<string?> _zone = Inputs.TimeZone();
    private readonly Option<LinkPriority?> _priority =
        Inputs.Choice<LinkPriority>("--priority", "How it fares beside other groups on a capped link");

    private readonly Option<string?> _drill = new("--drill")
    {
        Description = "When the recovery site drills it, as cron has it: \"0 3 * * 0\" on Sundays at three; '' never",
        HelpName = "CRON",
    };

    private readonly Option<string?> _drillZone = new("--drill-time-zone")
    {
        Description = "On whose wall clock, such as Europe/Berlin; '' is UTC",
        HelpName = "ZONE",
    };

    public void AddTo(Command command)
    {
        Option[] options = [_rpo, _rto, _interval, _source, _period, _trigger, _quiesce, _shared, _limit, _label,
            _failure, _retention, _outbox, _log, _cap, _windows, _zone, _priority, _drill, _drillZone];
        foreach (var option in options) command.Add(option);
    }

    public PolicyChange Read(ParseResult parsed) => new()
    {
        RpoTarget = parsed.GetValue(_rpo),
        RtoTarget = parsed.GetValue(_rto),
        CheckpointInterval = parsed.GetValue(_interval),
        Source = parsed.GetValue(_source),
        SourcePeriod = parsed.GetValue(_period),
        SourceTrigger = parsed.GetValue(_trigger),
        QuiesceInterval = parsed.GetValue(_quiesce),
        SharedInterval = parsed.GetValue(_shared),
        QuiesceLimit = parsed.GetValue(_limit),
        QuiesceLabel = parsed.GetValue(_label),
        OnQuiesceFailure = parsed.GetValue(_failure),
        Retention = parsed.GetValue(_retention),
        OutboxBytes = parsed.GetValue(_outbox) << 20,
        OutboxLogBytes = parsed.GetValue(_log) << 20,
        ShipCap = parsed.GetValue(_cap),
        ShipWindows = Inputs.Given(parsed.GetValue(_windows)),
        ShipTimeZone = parsed.GetValue(_zone),
        Priority = parsed.GetValue(_priority),
        DrillCalendar = parsed.GetValue(_drill),
        DrillTimeZone = parsed.GetValue(_drillZone),
    };

    public static Argument<string> Name() => new("policy") { Description = "Name of the policy" };

    public static Option<string?> Description() => new("--description")
    {
        Description = "For people",
        HelpName = "TEXT",
    };

    public static Option<string> Keep() => new("--keep", "-k")
    {
        Description = "The site whose changes stay, of those that are shown as contested",
        HelpName = "SITE",
        Required = true,
    };

    public static Option<string[]?> Fields() => new("--field")
    {
        Description = "Only this field of those that are contested; may be given several times",
        HelpName = "FIELD",
    };

    public static void Write(CommandOutput output, NamedPolicy policy) => output.WriteFacts(policy,
    [
        ("policy", policy.Name), ("description", policy.Description), ("version", $"{policy.Version}"),
        ("changed", Show.Time(policy.ChangedAt)),
        .. policy.Conflicts.Select(c => ("contested", (string?)Contested(c))),
        .. policy.Faults.Select(f => ("does not go together", (string?)f)),
        ("groups", policy.Groups.Count == 0 ? "none" : string.Join(", ", policy.Groups)),
        .. Facts(policy.Policy),
    ]);

    /// <summary>What each site made of a field, the value that holds here first.</summary>
    public static string Contested(DefinitionConflict conflict) => conflict.Field + ": " + string.Join(", ",
        conflict.Values.OrderByDescending(v => v.Holds)
            .Select(v => $"'{v.Value}' of {v.Site} at {Show.Time(v.At)}{(v.Holds ? ", which holds here" : "")}"));

    /// <summary>A policy as lines of name and value.</summary>
    public static IEnumerable<(string Name, string? Value)> Facts(Policy policy) =>
    [
        ("rpo target", Span.Text(policy.RpoTarget)),
        ("rto target", Span.Text(policy.RtoTarget)),
        ("checkpoint interval", Span.Text(policy.CheckpointInterval)),
        ("source", GroupTable.Source(policy)),
        ("quiesce interval", policy.QuiesceInterval is { } interval ? Span.Text(interval) : "only on request"),
        ("shared interval", policy.SharedInterval is { } shared ? Span.Text(shared) : null),
        ("quiesce limit", Span.Text(policy.QuiesceLimit)),
        ("quiesce label", policy.QuiesceLabel),
        ("on quiesce failure", Show.Name(policy.OnQuiesceFailure)),
        ("retention", policy.Retention.ToString()),
        ("outbox", Show.Bytes(policy.OutboxBytes)),
        ("ship cap", policy.ShipBytesPerSecond is { } rate ? DataRate.Text(rate) : "none"),
        .. Policy.WindowsOf(policy.ShipWindows).Select(w => ("ship window", (string?)w)),
        ("time zone", policy.ShipWindows.Length == 0 ? null : policy.ShipTimeZone),
        ("priority", Show.Name(policy.Priority)),
        ("drills", policy.DrillCalendar is { } drills ? $"{drills} ({policy.DrillTimeZone ?? "UTC"})" : "on request"),
    ];
}
