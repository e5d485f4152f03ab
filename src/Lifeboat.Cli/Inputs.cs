// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;
using System.CommandLine.Parsing;
using Lifeboat.Protection.Policies;

namespace Lifeboat.Cli;

/// <summary>Arguments and options that several commands take, each made new for its command.</summary>
internal static class Inputs
{
    public static Argument<string> Group() => new("group") { Description = "Name of the protection group" };

    public static Argument<string> Application() => new("application") { Description = "Name of the application" };

    public static Argument<string> Peer() => new("peer") { Description = "Name of the paired site" };

    public static Option<string?> Cap(string description) => new("--cap")
    {
        Description = description + ", e.g. 200Mbit; none: no cap",
        HelpName = "RATE",
    };

    public static Option<string[]?> Windows() => new("--window")
    {
        Description = "Another cap at some hours, 'mon-fri 08:00-18:00 20Mbit'; may be repeated, the first that holds "
            + "counts; all those before are replaced; '': none",
        HelpName = "WINDOW",
    };

    public static Option<string?> TimeZone() => new("--time-zone")
    {
        Description = "On whose wall clock the windows are, e.g. Europe/Berlin",
        HelpName = "ZONE",
    };

    /// <summary>Null when the option was not given; an empty one means none.</summary>
    public static IReadOnlyList<string>? Given(string[]? values) =>
        values is null or [] ? null : [.. values.Where(v => v.Length > 0)];

    public static Option<TimeSpan?> QuiesceLimit() =>
        Duration("--limit", "Thawed after this long whatever happens, 1s to 10m (default: as the policy says, or 10s)");

    public static Option<Guid?> QuiesceId() => new("--id")
    {
        Description = "Id of the quiesce (default: whichever there is)",
        HelpName = "ID",
    };

    public static Option<string?> Point() => new("--point", "-p")
    {
        Description = "Id of the recovery point (default: the newest sealed one)",
        HelpName = "ID",
    };

    public static Option<string[]> Checks() => new("--check")
    {
        Description = "What to verify besides boot, agent and addresses: tcp:PORT or exec:COMMAND; may be repeated",
        HelpName = "CHECK",
        DefaultValueFactory = _ => [],
    };

    public static Argument<string> Volume() => new("volume") { Description = "Volume, INSTANCE.DISK" };

    public static Option<bool> NoWait() => new("--no-wait") { Description = "Return when the run is started" };

    public static Option<bool> Try() => new("--dry-run")
    {
        Description = "Check it, show what would be done and tell all faults; change nothing",
    };

    public static Option<bool> DryRun() => new("--dry-run")
    {
        Description = "Show the plan, how long each step took before, and what is missing; change nothing",
    };

    public static Option<string?> Retention() => new("--retention")
    {
        Description = "Points kept: 4h for all, or rules like all:1h,1m:1d,1h:7d,application:14d,labelled:30d",
        HelpName = "RULES",
    };

    /// <summary>`500ms`, `2s`, `15m`, `4h`, or `hh:mm:ss`.</summary>
    public static Option<TimeSpan?> Duration(string name, string description) => new(name)
    {
        Description = description,
        HelpName = "DURATION",
        CustomParser = result => ParseDuration(result),
    };

    public static Option<ChangeSource?> Source() => new("--source")
    {
        Description = "continuous: every write as it happens; bitmap: now and then what QEMU's bitmaps say changed; "
            + "snapshot-diff: now and then what differs between two snapshots of an RBD image; backup: the cloud's "
            + "backups, of a group of volumes only; pool-mirror: rbd-mirror, of such a group in a pool of Ceph",
        HelpName = "SOURCE",
        CustomParser = ParseSource,
    };

    public static Option<TimeSpan?> SourcePeriod() =>
        Duration("--source-period", "From one moment to the next, where the source is not continuous (default 1m)");

    public static Option<MomentTrigger?> SourceTrigger() => Choice<MomentTrigger>("--source-trigger",
        "When moments are taken, where the source is bitmap or snapshot-diff (default periodic)");

    /// <summary>One of the values, as they are written on the wire.</summary>
    public static Option<T?> Choice<T>(string name, string description) where T : struct, Enum => new(name)
    {
        Description = $"{description}: {Known<T>()}",
        HelpName = "NAME",
        CustomParser = result =>
        {
            var text = result.Tokens.Count == 1 ? result.Tokens[0].Value : "";
            foreach (var value in Enum.GetValues<T>())
                if (Show.Name(value) == text) return value;
            result.AddError($"'{text}' is none of {Known<T>()}");
            return null;
        },
    };

    private static string Known<T>() where T : struct, Enum =>
        string.Join(", ", Enum.GetValues<T>().Select(v => Show.Name(v)));

    private static ChangeSource? ParseSource(ArgumentResult result)
    {
        var text = result.Tokens.Count == 1 ? result.Tokens[0].Value : "";
        foreach (var source in Enum.GetValues<ChangeSource>())
            if (Show.Name(source) == text) return source;
        var known = string.Join(", ", Enum.GetValues<ChangeSource>().Select(s => Show.Name(s)));
        result.AddError($"'{text}' is no source of changes; there are: {known}");
        return null;
    }

    private static TimeSpan? ParseDuration(ArgumentResult result)
    {
        var text = result.Tokens.Count == 1 ? result.Tokens[0].Value : "";
        if (Span.Parse(text) is { } span) return span;
        result.AddError($"'{text}' is not a duration; write 500ms, 2s, 15m, 4h or hh:mm:ss");
        return null;
    }
}
