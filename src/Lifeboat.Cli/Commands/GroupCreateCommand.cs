// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Api;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;
using Lifeboat.Protection.Policies;

namespace Lifeboat.Cli.Commands;

internal sealed class GroupCreateCommand : LifeboatCommand
{
    private readonly Argument<string> _group = Inputs.Group();
    private readonly Option<string[]> _instances = new("--instance", "-i")
    {
        Description = "Instance to protect, NAME or NAME:BOOTORDER; may be repeated",
        DefaultValueFactory = _ => [],
    };

    private readonly Option<string[]> _volumes = new("--volume")
    {
        Description = "Volume of the site's cloud, by name or id, or type:TYPE for all of that type, for a group of "
            + "volumes only, which the cloud's backups move, or the mirror of their pool; may be repeated",
        DefaultValueFactory = _ => [],
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

    private readonly Option<string?> _application = new("--application")
    {
        Description = "Groups of the same application share recovery points",
    };

    private readonly PolicyInputs _fields = new();
    private readonly Option<string[]> _checks = Inputs.Checks();
    private readonly Option<TimeSpan?> _suspend = Inputs.Duration("--suspend-for",
        "Begin suspended, to be resumed when a seed has been imported, or after this time");

    public GroupCreateCommand() : base("group", "create", "Protect instances of this site as one group")
    {
        Add(_group);
        Option[] options = [_instances, _volumes, _site, _exclude, _targets, _application, _policy];
        foreach (var option in options) Add(option);
        _fields.AddTo(this);
        Add(_checks);
        Add(_suspend);
    }

    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        var given = _fields.Read(parsed);
        var volumes = parsed.GetRequiredValue(_volumes);
        if (volumes.Length > 0 == parsed.GetRequiredValue(_instances).Length > 0)
            throw new ProblemException(ReasonCode.InvalidRequest, volumes.Length > 0
                ? "a group is of instances or of volumes only: give --instance or --volume, not both"
                : "give --instance, or --volume for a group of volumes only");
        if (volumes.Length > 0) given = ForVolumes(given);
        var (policy, problems) = WithDefaults(given).Applied(Policy.Default);
        // What can be read is judged with the rest of the request, so that all its faults are told at once.
        if (problems.Except(policy.Problems()).ToList() is { Count: > 0 } unreadable)
            throw new ProblemException(ReasonCode.InvalidRequest, "the policy cannot be read", null, unreadable);
        var group = await session.Controller.CreateGroupAsync(new CreateGroupRequest
        {
            Name = parsed.GetRequiredValue(_group),
            RecoverySite = parsed.GetRequiredValue(_site),
            Members = volumes.Length == 0 ? Members(parsed)
                : [new MemberRequest("", Kind: MemberKind.VolumeOnly, Volumes: volumes)],
            Checks = parsed.GetRequiredValue(_checks),
            Application = parsed.GetValue(_application),
            PolicyName = parsed.GetValue(_policy),
            Overrides = parsed.GetValue(_policy) is null ? [] : given.Given(),
            Suspend = parsed.GetValue(_suspend) is { } span ? new SuspendGroupRequest("waits for a seed", span) : null,
            Policy = policy,
        }, ct);
        GroupTable.Write(session.Output, group, session.Time);
        return ExitCode.Ok;
    }

    // The default target is one of captured writes; two periods are what moments can keep to.
    private static PolicyChange WithDefaults(PolicyChange given) =>
        given.Source is null or ChangeSource.Continuous || given.RpoTarget is not null ? given
            : given with { RpoTarget = 2 * (given.SourcePeriod ?? Policy.Default.SourcePeriod) };

    // A backup takes minutes at least, and is kept for longer than a journal. A mirror's point is a snapshot.
    private static PolicyChange ForVolumes(PolicyChange given)
    {
        var (period, kept) = given.Source is ChangeSource.PoolMirror
            ? (TimeSpan.FromMinutes(5), TimeSpan.FromHours(4)) : (TimeSpan.FromHours(1), TimeSpan.FromDays(7));
        return given with
        {
            Source = given.Source ?? ChangeSource.Backup,
            SourcePeriod = given.SourcePeriod ?? period,
            Retention = given.Retention ?? Retention.All(kept).ToString(),
        };
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

    private static (string Instance, string Disk) Split(string text) =>
        text.Split('.', 2) is [var instance, var disk] ? (instance, disk) : throw Wrong(text);

    private static ProblemException Wrong(string text) => new(ReasonCode.InvalidRequest, $"'{text}' is not understood",
        "Disks are INSTANCE.DISK, target disks INSTANCE.DISK=PATH, instances NAME or NAME:BOOTORDER.");
}
