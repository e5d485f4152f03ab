// SPDX-License-Identifier: Apache-2.0
using Spectre.Console;

namespace Lifeboat.Cli;

/// <summary>A table for people; the only place that knows which library draws it. Cells are plain text.</summary>
internal sealed class TextTable
{
    private const int PipeWidth = 240;

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

    public void Print(TextWriter writer) => Print(writer, null);

    /// <param name="columns">Of the terminal; null: of the one that there is.</param>
    internal void Print(TextWriter writer, int? columns)
    {
        // Cut columns are useless in a pipe: give a table the width it wants when nobody looks at it on a terminal.
        if (columns is null && Console.IsOutputRedirected) columns = PipeWidth;
        var console = On(writer, columns);
        console.Write(Fits(console.Profile.Width) ? _table : Records());
    }

    private static IAnsiConsole On(TextWriter writer, int? columns)
    {
        var console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(writer) });
        if (columns is { } given) console.Profile.Width = given;
        return console;
    }

    // Cells are wrapped between words. Where words would be broken too, nobody can read or copy them.
    private bool Fits(int width)
    {
        if (!_table.ShowHeaders) return true;
        using var drawn = new StringWriter();
        On(drawn, width).Write(_table);
        var text = drawn.ToString();
        return _rows.SelectMany(r => r).SelectMany(cell => cell.Split(' ', '\n'))
            .All(word => text.Contains(word, StringComparison.Ordinal));
    }

    // Each row by itself, a line for each column that has something to say.
    private Table Records()
    {
        var records = new Table { Border = TableBorder.Simple, ShowHeaders = false };
        records.AddColumns("name", "value");
        foreach (var row in _rows.Skip(1))
        {
            if (records.Rows.Count > 0) records.AddEmptyRow();
            foreach (var (name, cell) in _rows[0].Zip(row).Where(c => c.Second.Length > 0))
                records.AddRow(Markup.Escape(name), Markup.Escape(cell));
        }
        return records;
    }
}
