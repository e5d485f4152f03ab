// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;
using Lifeboat.Contracts.Api;
using Lifeboat.Protection.Links;
using Lifeboat.Protection.Policies;

namespace Lifeboat.Cli.Commands;

internal sealed class GroupPolicyCommand : LifeboatCommand
{
    private readonly Argument<string> _group = Inputs.Group();
    private readonly Option<TimeSpan?> _rpo = Inputs.Duration("--rpo", "RPO target");
    private readonly Option<TimeSpan?> _rto = Inputs.Duration("--rto", "RTO target");
    private readonly Option<TimeSpan?> _interval =
        Inputs.Duration("--checkpoint-interval", "How often a crash-consistent point is cut");
    private readonly Option<ChangeSource?> _source = Inputs.Source();
    private readonly Option<TimeSpan?> _period = Inputs.SourcePeriod();
    private readonly Option<TimeSpan?> _quiesce = Inputs.Duration("--quiesce-interval",
        "How often the guests are quiesced for an application-consistent point; 0s: only on request");
    private readonly Option<TimeSpan?> _limit =
        Inputs.Duration("--quiesce-limit", "The guests are thawed after this long whatever happens");
    private readonly Option<string?> _label = new("--quiesce-label")
    {
        Description = "Label of the points that are quiesced by policy; empty: none",
    };
    private readonly Option<QuiesceFailure?> _failure = new("--on-quiesce-failure")
    {
        Description = "degrade: make a crash-consistent point that says so; strict: make none",
    };
    private readonly Option<string?> _retention = Inputs.Retention();
    private readonly Option<string?> _cap = Inputs.Cap("Cap on what this group ships outside of the windows");
    private readonly Option<string[]?> _windows = Inputs.Windows();
    private readonly Option<string?> _zone = Inputs.TimeZone();
    private readonly Option<LinkPriority?> _priority = new("--priority")
    {
        Description = "high, normal or low beside other groups on a capped link",
    };

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

    public GroupPolicyCommand() : base("group", "policy",
        "Show or change the policy of a group as it runs, at the site where its instances run")
    {
        Add(_group);
        Option[] options = [_rpo, _rto, _interval, _source, _period, _quiesce, _limit, _label, _failure, _retention,
            _cap, _windows, _zone, _priority, _drill, _drillZone];
        foreach (var option in options) Add(option);
    }

    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        var name = parsed.GetRequiredValue(_group);
        var change = new PolicyChange
        {
            RpoTarget = parsed.GetValue(_rpo),
            RtoTarget = parsed.GetValue(_rto),
            CheckpointInterval = parsed.GetValue(_interval),
            Source = parsed.GetValue(_source),
            SourcePeriod = parsed.GetValue(_period),
            QuiesceInterval = parsed.GetValue(_quiesce),
            QuiesceLimit = parsed.GetValue(_limit),
            QuiesceLabel = parsed.GetValue(_label),
            OnQuiesceFailure = parsed.GetValue(_failure),
            Retention = parsed.GetValue(_retention),
            ShipCap = parsed.GetValue(_cap),
            ShipWindows = Inputs.Given(parsed.GetValue(_windows)),
            ShipTimeZone = parsed.GetValue(_zone),
            Priority = parsed.GetValue(_priority),
            DrillCalendar = parsed.GetValue(_drill),
            DrillTimeZone = parsed.GetValue(_drillZone),
        };
        var group = change == new PolicyChange()
            ? await session.Controller.GroupAsync(name, ct)
            : await session.Controller.ChangePolicyAsync(name, change, ct);
        Write(session.Output, group.Definition.Policy);
        return ExitCode.Ok;
    }

    private static void Write(CommandOutput output, Policy policy) => output.WriteFacts(policy,
    [
        ("rpo target", Span.Text(policy.RpoTarget)),
        ("rto target", Span.Text(policy.RtoTarget)),
        ("checkpoint interval", Span.Text(policy.CheckpointInterval)),
        ("source", GroupTable.Source(policy)),
        ("quiesce interval", policy.QuiesceInterval is { } interval ? Span.Text(interval) : "only on request"),
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
    ]);
}
