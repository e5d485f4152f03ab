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

    public static Option<bool> NoWait() => new("--no-wait") { Description = "Return when the run is started" };

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

    private static TimeSpan? ParseDuration(ArgumentResult result)
    {
        var text = result.Tokens.Count == 1 ? result.Tokens[0].Value : "";
        if (Span.Parse(text) is { } span) return span;
        result.AddError($"'{text}' is not a duration; write 500ms, 2s, 15m, 4h or hh:mm:ss");
        return null;
    }
}
