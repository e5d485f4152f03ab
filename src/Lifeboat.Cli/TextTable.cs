// SPDX-License-Identifier: Apache-2.0
using Spectre.Console;

namespace Lifeboat.Cli;

/// <summary>A table for people; the only place that knows which library draws it. Cells are plain text.</summary>
internal sealed class TextTable
{
    private readonly Table _table = new() { Border = TableBorder.Simple };
    private readonly List<string[]> _rows = [];

    public void AddColumns(params string[] names)
    {
        _rows.Add(names);
        foreach (var name in names) _table.AddColumn(new TableColumn(Markup.Escape(name)));
    }

    public void AddRow(params string[] cells)
    {
        _rows.Add(cells);
        _table.AddRow([.. cells.Select(Markup.Escape)]);
    }

    public void HideHeaders() => _table.ShowHeaders = false;

    /// <summary>As RFC 4180 has it, the names of the columns first.</summary>
    public void PrintCsv(TextWriter writer)
    {
        foreach (var row in _rows) writer.Write(string.Join(',', row.Select(Quoted)) + "\r\n");
    }

    private static string Quoted(string cell) => cell.AsSpan().IndexOfAny(",\"\r\n") < 0 ? cell
        : $"\"{cell.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";

    public void Print(TextWriter writer)
    {
        var console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(writer) });
        // Cut columns are useless in a pipe: give a table the width it wants when nobody looks at it on a terminal.
        if (Console.IsOutputRedirected) console.Profile.Width = 240;
        console.Write(_table);
    }
}
