// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Api;
using Lifeboat.Protection;
using Lifeboat.Protection.Policies;

namespace Lifeboat.Cli.Commands;

internal sealed class GroupCreateCommand : LifeboatCommand
{
    private readonly Argument<string> _group = Inputs.Group();
    private readonly Option<string[]> _instances = new("--instance", "-i")
    {
        Description = "Instance to protect, NAME or NAME:BOOTORDER; may be repeated",
        Required = true,
    };

    private readonly Option<string> _site = new("--recovery-site", "-r")
    {
        Description = "Paired site that keeps the replica",
        Required = true,
    };

    private readonly Option<string[]> _exclude = new("--exclude-disk")
    {
        Description = "INSTANCE.DISK not to replicate; may be repeated",
        DefaultValueFactory = _ => [],
    };

    private readonly Option<string[]> _targets = new("--target-disk")
    {
        Description = "INSTANCE.DISK=PATH: an existing raw file or block device at the recovery site for the copy",
        DefaultValueFactory = _ => [],
    };

    private readonly Option<string?> _policy = new("--policy")
    {
        Description = "Named policy that it follows; what is given besides is its own",
        HelpName = "POLICY",
    };

    private readonly Option<TimeSpan?> _rpo = Inputs.Duration("--rpo", "RPO target");
    private readonly Option<TimeSpan?> _rto = Inputs.Duration("--rto", "RTO target");
    private readonly Option<TimeSpan?> _interval =
        Inputs.Duration("--checkpoint-interval", "How often a crash-consistent point is cut");

    private readonly Option<ChangeSource?> _source = Inputs.Source();
    private readonly Option<TimeSpan?> _period = Inputs.SourcePeriod();
    private readonly Option<TimeSpan?> _quiesce =
        Inputs.Duration("--quiesce-interval", "How often the guests are quiesced for an application-consistent point");

    private readonly Option<string?> _application = new("--application")
    {
        Description = "Groups of the same application share recovery points",
    };

    private readonly Option<TimeSpan?> _shared =
        Inputs.Duration("--shared-interval", "How often a point shared by all groups of the application is cut");

    private readonly Option<string?> _retention = Inputs.Retention();
    private readonly Option<long?> _outbox = new("--outbox-mib") { Description = "Memory for unsent writes, MiB" };
    private readonly Option<long?> _log = new("--outbox-log-mib")
    {
        Description = "Disk at this site for unsent writes that do not fit that memory, MiB; 0: none",
    };

    private readonly Option<string[]> _checks = Inputs.Checks();
    private readonly Option<TimeSpan?> _suspend = Inputs.Duration("--suspend-for",
        "Begin suspended, to be resumed when a seed has been imported, or after this time");

    public GroupCreateCommand() : base("group", "create", "Protect instances of this site as one group")
    {
        Add(_group);
        Option[] options = [_instances, _site, _exclude, _targets, _policy, _rpo, _rto, _interval, _source, _period,
            _quiesce,
            _application,
            _shared, _retention, _outbox, _log,
            _checks, _suspend];
        foreach (var option in options) Add(option);
    }

    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        var defaults = Policy.Default;
        var source = parsed.GetValue(_source) ?? defaults.Source;
        var period = parsed.GetValue(_period) ?? defaults.SourcePeriod;
        // The default target is one of captured writes; two periods are what moments can keep to.
        var rpo = source == ChangeSource.Continuous ? defaults.RpoTarget : 2 * period;
        var group = await session.Controller.CreateGroupAsync(new CreateGroupRequest
        {
            Name = parsed.GetRequiredValue(_group),
            RecoverySite = parsed.GetRequiredValue(_site),
            Members = Members(parsed),
            Checks = parsed.GetRequiredValue(_checks),
            Application = parsed.GetValue(_application),
            PolicyName = parsed.GetValue(_policy),
            Overrides = parsed.GetValue(_policy) is null ? [] : Overrides(parsed),
            Suspend = parsed.GetValue(_suspend) is { } span ? new SuspendGroupRequest("waits for a seed", span) : null,
            Policy = defaults with
            {
                RpoTarget = parsed.GetValue(_rpo) ?? rpo,
                Source = source,
                SourcePeriod = period,
                RtoTarget = parsed.GetValue(_rto) ?? defaults.RtoTarget,
                CheckpointInterval = parsed.GetValue(_interval) ?? defaults.CheckpointInterval,
                QuiesceInterval = parsed.GetValue(_quiesce) ?? defaults.QuiesceInterval,
                SharedInterval = parsed.GetValue(_shared),
                Retention = Retention(parsed.GetValue(_retention)) ?? defaults.Retention,
                OutboxBytes = parsed.GetValue(_outbox) is { } mib ? mib << 20 : defaults.OutboxBytes,
                OutboxLogBytes = parsed.GetValue(_log) is { } logMib ? logMib << 20 : defaults.OutboxLogBytes,
            },
        }, ct);
        GroupTable.Write(session.Output, group, session.Time);
        return ExitCode.Ok;
    }

    private List<string> Overrides(ParseResult parsed)
    {
        (string Field, object? Given)[] given =
        [
            ("rpoTarget", parsed.GetValue(_rpo)), ("rtoTarget", parsed.GetValue(_rto)),
            ("checkpointInterval", parsed.GetValue(_interval)), ("source", parsed.GetValue(_source)),
            ("sourcePeriod", parsed.GetValue(_period)), ("quiesceInterval", parsed.GetValue(_quiesce)),
            ("sharedInterval", parsed.GetValue(_shared)), ("retention", parsed.GetValue(_retention)),
            ("outboxBytes", parsed.GetValue(_outbox)), ("outboxLogBytes", parsed.GetValue(_log)),
        ];
        return [.. given.Where(g => g.Given is not null).Select(g => g.Field)];
    }

    private List<MemberRequest> Members(ParseResult parsed)
    {
        var excluded = parsed.GetRequiredValue(_exclude).Select(Split).ToLookup(d => d.Instance, d => d.Disk);
        var targets = parsed.GetRequiredValue(_targets)
            .Select(t => t.Split('=', 2) is [var disk, var path] ? (Split(disk), Path: path) : throw Wrong(t))
            .ToLookup(t => t.Item1.Instance, t => (t.Item1.Disk, t.Path));
        return
        [
            .. from text in parsed.GetRequiredValue(_instances)
               let parts = text.Split(':', 2)
               let order = parts.Length == 1 ? 0 : int.TryParse(parts[1], out var n) ? n : throw Wrong(text)
               select new MemberRequest(parts[0], order, ExcludedDisks: [.. excluded[parts[0]]],
                   TargetDisks: targets[parts[0]].ToDictionary(t => t.Disk, t => t.Path)),
        ];
    }

    private static Retention? Retention(string? text)
    {
        if (text is null) return null;
        var (retention, problems) = Protection.Policies.Retention.Parse(text);
        return retention ?? throw new ProblemException(ReasonCode.InvalidRequest, $"'{text}' is no retention", null,
            problems);
    }

    private static (string Instance, string Disk) Split(string text) =>
        text.Split('.', 2) is [var instance, var disk] ? (instance, disk) : throw Wrong(text);

    private static ProblemException Wrong(string text) => new(ReasonCode.InvalidRequest, $"'{text}' is not understood",
        "Disks are INSTANCE.DISK, target disks INSTANCE.DISK=PATH, instances NAME or NAME:BOOTORDER.");
}
