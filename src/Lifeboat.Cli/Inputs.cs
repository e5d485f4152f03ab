// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;

namespace Lifeboat.Cli;

/// <summary>Arguments and options that several commands take, each made new for its command.</summary>
internal static class Inputs
{
    public static Argument<string> Group() => new("group") { Description = "Name of the protection group" };

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
        (string Unit, double Seconds)[] units = [("ms", 0.001), ("s", 1), ("m", 60), ("h", 3600), ("d", 86400)];
        foreach (var (unit, seconds) in units)
            if (text.EndsWith(unit, StringComparison.Ordinal)
                && double.TryParse(text[..^unit.Length], NumberStyles.Float, CultureInfo.InvariantCulture, out var n))
                return TimeSpan.FromSeconds(n * seconds);
        if (text.Contains(':') && TimeSpan.TryParse(text, CultureInfo.InvariantCulture, out var span)) return span;
        result.AddError($"'{text}' is not a duration; write 500ms, 2s, 15m, 4h or hh:mm:ss");
        return null;
    }
}
