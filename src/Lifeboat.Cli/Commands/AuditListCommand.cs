// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;
using System.Globalization;

namespace Lifeboat.Cli.Commands;

internal sealed class AuditListCommand : LifeboatCommand
{
    private readonly Option<int> _limit = new("--limit")
    {
        Description = "How many rows, at most 1000",
        HelpName = "N",
        DefaultValueFactory = _ => 50,
    };

    private readonly Option<long?> _before = new("--before")
    {
        Description = "Only rows with a lower number: the next page",
        HelpName = "NUMBER",
    };

    public AuditListCommand() : base("audit", "list",
        "Show who changed what, newest first; -o json has before and after")
    {
        Add(_limit);
        Add(_before);
    }

    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        var limit = parsed.GetValue(_limit);
        var events = await session.Controller.AuditAsync(parsed.GetValue(_before), limit, ct);
        session.Output.Write(events, table =>
        {
            table.AddColumns("row", "at", "who", "from", "did", "to", "outcome", "detail");
            foreach (var e in events)
                table.AddRow(e.Number.ToString(CultureInfo.InvariantCulture), Show.Time(e.At), e.Actor, e.From ?? "",
                    e.Action, e.Subject, e.Outcome, e.Detail ?? (e.After is null ? "" : "definition changed"));
        });
        if (events.Count == limit) session.Output.Talk($"older ones: --before {events[^1].Number}");
        return ExitCode.Ok;
    }
}
