// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;
using System.Text;

namespace Lifeboat.Cli;

/// <summary>Manual pages (man(7) macros) of a command and everything below it, made from the command tree.</summary>
internal static class ManualPages
{
    /// <returns>Name and text of each page: `lifeboat`, `lifeboat-group`, `lifeboat-group-create`…</returns>
    public static IEnumerable<(string Name, string Text)> Of(RootCommand root) =>
        Below(root, ["lifeboat"], [.. root.Options.Where(o => o.Recursive && !o.Hidden)]);

    private static IEnumerable<(string, string)> Below(Command command, IReadOnlyList<string> path,
        IReadOnlyList<Option> everywhere)
    {
        yield return (string.Join('-', path), Page(command, path, everywhere));
        foreach (var child in command.Subcommands.Where(c => !c.Hidden))
            foreach (var page in Below(child, [.. path, child.Name], everywhere)) yield return page;
    }

    private static string Page(Command command, IReadOnlyList<string> path, IReadOnlyList<Option> everywhere)
    {
        var options = command.Options.Where(o => !o.Hidden).Concat(everywhere).Distinct().ToList();
        var text = new StringBuilder();
        text.Append($".TH {string.Join('-', path).ToUpperInvariant()} 1 \"\" \"Lifeboat\" \"Lifeboat\"\n");
        text.Append($".SH NAME\n{Plain(string.Join('-', path))} \\- {Plain(command.Description)}\n");
        text.Append($".SH SYNOPSIS\n.B {Plain(string.Join(' ', path))}\n");
        if (command.Subcommands.Count > 0) text.Append(".I COMMAND\n");
        foreach (var argument in command.Arguments.Where(a => !a.Hidden)) text.Append($".I {Name(argument)}\n");
        if (options.Count > 0) text.Append(".RI [ OPTION ]...\n");
        if (command.Arguments.Count > 0) text.Append(".SH ARGUMENTS\n");
        foreach (var argument in command.Arguments.Where(a => !a.Hidden))
            text.Append($".TP\n.I {Name(argument)}\n{Plain(argument.Description)}\n");
        if (options.Count > 0) text.Append(".SH OPTIONS\n");
        foreach (var option in options) text.Append($".TP\n{Names(option)}\n{Plain(option.Description)}\n");
        if (command.Subcommands.Count > 0) text.Append(".SH COMMANDS\n");
        foreach (var child in command.Subcommands.Where(c => !c.Hidden))
            text.Append($".TP\n.BR {Plain(string.Join('-', path.Append(child.Name)))} (1)\n"
                + $"{Plain(child.Description)}\n");
        text.Append(".SH EXIT STATUS\n0 on success; else the number of the reason that is printed on standard error, "
            + "see docs/operating/exit\\-codes.md. 130: interrupted; what was started goes on at the site.\n");
        if (path.Count > 1)
            text.Append($".SH SEE ALSO\n.BR {Plain(string.Join('-', path.SkipLast(1)))} (1)\n");
        return text.ToString();
    }

    private static string Name(Argument argument) => Plain((argument.HelpName ?? argument.Name).ToUpperInvariant());

    private static string Names(Option option)
    {
        var names = string.Join(", ", option.Aliases.Append(option.Name).OrderBy(n => n.Length).Select(Plain));
        return option.ValueType == typeof(bool) ? $".B \"{names}\""
            : $".BI \"{names} \" {Plain(option.HelpName ?? "VALUE")}";
    }

    // A hyphen would be set as a dash, a backslash or a dot at the beginning of a line taken for an instruction.
    private static string Plain(string? text)
    {
        var plain = (text ?? "").Replace("\\", "\\e", StringComparison.Ordinal)
            .Replace("-", "\\-", StringComparison.Ordinal).Replace("\n", " ", StringComparison.Ordinal);
        return plain is ['.' or '\'', ..] ? "\\&" + plain : plain;
    }
}
