// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;
using System.CommandLine.Parsing;
using Lifeboat.Protection;

namespace Lifeboat.Cli;

/// <summary>What is wrong with a command line: all of it, at which option or argument, and what was meant.</summary>
internal static class CommandLineFaults
{
    public static void Write(ParseResult parsed, CommandOutput output)
    {
        var faults = Of(parsed);
        output.Problem(ReasonCode.Usage,
            faults.Count == 1 ? "the command line has a fault" : $"the command line has {faults.Count} faults",
            $"`{Path(parsed)} --help` shows what it takes.", faults);
    }

    /// <summary>Where a noun stands alone, nothing is wrong yet: its verbs are what is asked for.</summary>
    public static bool OnlyLacksVerb(ParseResult parsed) => parsed.UnmatchedTokens.Count == 0
        && parsed.CommandResult.Command.Subcommands.Count > 0 && parsed.Errors.Count == 1;

    public static IReadOnlyList<string> Of(ParseResult parsed) =>
    [
        .. Unmatched(parsed.UnmatchedTokens).Select(token => Unknown(token, parsed)),
        // Of the rest, what the library says of tokens that nothing took, and of the verb that one of them stands for.
        .. parsed.Errors.Where(e => e.SymbolResult is not CommandResult || parsed.UnmatchedTokens.Count == 0
            || !e.Message.StartsWith("Unrecognized", StringComparison.Ordinal)
                && !e.Message.StartsWith("Required command", StringComparison.Ordinal)).Select(Text).Distinct(),
    ];

    // What comes after a word that is unknown belongs to it, as far as anybody can tell.
    private static IEnumerable<string> Unmatched(IReadOnlyList<string> tokens) =>
        tokens.Where((token, i) => i == 0 || token.StartsWith('-'));

    private static string Unknown(string token, ParseResult parsed)
    {
        var near = Names(parsed, token.StartsWith('-'))
            .Select(name => (Name: name, Distance: Distance(token, name))).OrderBy(n => n.Distance).FirstOrDefault();
        return near.Name is not null && near.Distance <= Math.Max(token.Length < 4 ? 1 : 2, token.Length / 3)
            ? $"'{token}' is unknown; is {near.Name} meant?" : $"'{token}' is unknown";
    }

    private static IEnumerable<string> Names(ParseResult parsed, bool options) => options
        ? parsed.CommandResult.Command.Options.Concat(parsed.RootCommandResult.Command.Options.Where(o => o.Recursive))
            .Select(o => o.Name).Where(n => n.StartsWith("--", StringComparison.Ordinal))
        : parsed.CommandResult.Command.Subcommands.Select(c => c.Name);

    private static string Text(ParseError error)
    {
        var symbol = error.SymbolResult is ArgumentResult { Parent: OptionResult of } ? of : error.SymbolResult;
        var place = symbol switch
        {
            OptionResult option => option.Option.Name,
            ArgumentResult argument => $"<{argument.Argument.Name}>",
            _ => null,
        };
        var message = InOurWords(error.Message, symbol);
        return place is null || message.Contains(place.Trim('<', '>'), StringComparison.Ordinal)
            ? message : $"{place}: {message}";
    }

    // The library's words name .NET types, and one value a line.
    private static string InOurWords(string message, SymbolResult? symbol)
    {
        var type = (symbol as OptionResult)?.Option.ValueType ?? (symbol as ArgumentResult)?.Argument.ValueType;
        if (message.Split('\'') is not [_, var value, ..] parts || type is null) return message;
        if (message.StartsWith("Cannot parse", StringComparison.Ordinal))
            return $"'{value}' is no {Kind(Nullable.GetUnderlyingType(type) ?? type)}";
        return message.Contains("Must be one of", StringComparison.Ordinal)
            ? $"'{value}' is none of {string.Join(", ", parts.Skip(3).Where((_, i) => i % 2 == 0))}" : message;
    }

    private static string Kind(Type type) => type == typeof(bool) ? "true or false"
        : type == typeof(Guid) ? "id" : type == typeof(double) ? "number" : "whole number";

    private static string Path(ParseResult parsed)
    {
        var names = new List<string>();
        for (var at = parsed.CommandResult; at?.Parent is CommandResult above; at = above) names.Add(at.Command.Name);
        return string.Join(' ', names.Append("lifeboat").Reverse());
    }

    // Levenshtein's.
    private static int Distance(string from, string to)
    {
        var row = Enumerable.Range(0, to.Length + 1).ToArray();
        for (var i = 1; i <= from.Length; i++)
        {
            var (above, left) = (row[0], row[0] = i);
            for (var j = 1; j <= to.Length; j++)
            {
                var here = Math.Min(Math.Min(row[j], left) + 1, above + (from[i - 1] == to[j - 1] ? 0 : 1));
                (above, row[j], left) = (row[j], here, here);
            }
        }
        return row[^1];
    }
}
