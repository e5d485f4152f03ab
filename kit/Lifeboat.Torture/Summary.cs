// SPDX-License-Identifier: Apache-2.0
using System.Globalization;
using Spectre.Console;

namespace Lifeboat.Torture;

/// <summary>What a run came to, as tables.</summary>
internal sealed class Summary(TortureField field, PointProver prover, StallWatch stalls, HistoryCheck history)
{
    private readonly IAnsiConsole _console = AnsiConsole.Create(new AnsiConsoleSettings());

    public void Print()
    {
        if (Console.IsOutputRedirected) _console.Profile.Width = 150;
        PrintStrikes();
        PrintResyncs();
        var table = New("what", "figure");
        table.AddRow("kills and hangs",
            $"{field.Strikes.Count(StrikeFamily.Kill)} and {field.Strikes.Count(StrikeFamily.Hang)}");
        table.AddRow("link faults", $"{field.Strikes.Count(StrikeFamily.Link)}");
        table.AddRow("full disks", $"{field.Strikes.Count(StrikeFamily.Disk)}");
        table.AddRow("proofs passed, failed, of points expired meanwhile",
            $"{prover.Passed}, {prover.Failed}, {prover.Expired}");
        table.AddRow("holes in history, all shown", $"{history.Holes}");
        table.AddRow("guest boots", $"{field.History.Runs(TortureOptions.Guest).Count}");
        table.AddRow("violations", $"{field.Log.Violations.Count}");
        Write(table);
        foreach (var violation in field.Log.Violations) Console.WriteLine("VIOLATION: " + violation);
    }

    private void PrintStrikes()
    {
        var table = New("strike", "count", "longest guest stall", "of it the machine", "most of ours");
        table.AddRow(StallRow(StallWatch.Calm, ""));
        foreach (var family in Enum.GetValues<StrikeFamily>())
            foreach (var (kind, count) in field.Strikes.Kinds(family)) table.AddRow(StallRow(kind, $"{count}"));
        Write(table);
    }

    private void PrintResyncs()
    {
        var table = New("gap closed by", "count", "moved");
        var tally = ResyncTally.Read(field.Pair.A.Paths.LogFile("agent"));
        foreach (var (kind, (count, moved)) in tally.ByKind.OrderBy(k => k.Key, StringComparer.Ordinal))
            table.AddRow(kind, $"{count}", string.Create(CultureInfo.InvariantCulture, $"{moved / 1048576.0:0.0} MiB"));
        Write(table);
    }

    private string[] StallRow(string kind, string count)
    {
        var name = Markup.Escape(kind);
        if (!stalls.ByKind.TryGetValue(kind, out var stall)) return [name, count, "under 200 ms", "", ""];
        return [name, count, Ms(stall.Longest.Length), Ms(stall.Longest.Machine), Ms(stall.Ours.Ours)];
    }

    private static string Ms(TimeSpan time) =>
        string.Create(CultureInfo.InvariantCulture, $"{time.TotalMilliseconds:0} ms");

    private static Table New(params string[] columns)
    {
        var table = new Table { Border = TableBorder.Simple };
        table.AddColumns(columns);
        return table;
    }

    // Also into the log: it is what is kept of a run.
    private void Write(Table table)
    {
        _console.Write(table);
        var plain = new StringWriter();
        var console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Out = new AnsiConsoleOutput(plain), Ansi = AnsiSupport.No, ColorSystem = ColorSystemSupport.NoColors,
        });
        console.Profile.Width = 150;
        console.Write(table);
        foreach (var line in plain.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries))
            field.Log.Write("summary", line.TrimEnd());
    }
}
