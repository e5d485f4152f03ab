// SPDX-License-Identifier: Apache-2.0
using System.Diagnostics;
using Spectre.Console;

namespace Lifeboat.Demo;

/// <summary>What happened, what was measured, what was proved. One failed proof fails the demo.</summary>
internal sealed class Ledger
{
    private readonly List<(string What, string Measured, bool? Proof)> _rows = [];
    private readonly long _start = Stopwatch.GetTimestamp();

    public bool AllProved => _rows.All(r => r.Proof is not false);

    public void Say(string line)
    {
        Console.WriteLine($"[{Stopwatch.GetElapsedTime(_start).TotalSeconds,6:0.0} s] {line}");
    }

    public void Note(string what, string measured) => Add(what, measured, null);

    public void Prove(string what, bool holds, string measured) => Add(what, measured, holds);

    public void Print()
    {
        var table = new Table { Border = TableBorder.Simple };
        table.AddColumns("what happened", "measured", "proof");
        foreach (var (what, measured, proof) in _rows)
            table.AddRow(Markup.Escape(what), Markup.Escape(measured),
                proof switch { null => "", true => "[green]holds[/]", false => "[red]FAILS[/]" });
        var console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Ansi = Console.IsOutputRedirected ? AnsiSupport.No : AnsiSupport.Detect,
        });
        if (Console.IsOutputRedirected) console.Profile.Width = 160;
        console.Write(table);
    }

    private void Add(string what, string measured, bool? proof)
    {
        _rows.Add((what, measured, proof));
        Say($"{(proof is false ? "FAILS: " : "")}{what}: {measured}");
    }
}
