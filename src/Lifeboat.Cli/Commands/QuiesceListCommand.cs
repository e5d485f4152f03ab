// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;

namespace Lifeboat.Cli.Commands;

internal sealed class QuiesceListCommand() : LifeboatCommand("quiesce", "list",
    "List what was brought to rest by request and not thawed by one")
{
    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        var all = await session.Controller.QuiescesAsync(ct);
        session.Output.Write(all, table =>
        {
            table.AddColumns("quiesce", "of", "held", "reached", "began", "thawed at the latest", "instances");
            foreach (var q in all)
                table.AddRow(q.Id.ToString(), q.Subject, q.Held ? "yes" : "no", Show.Name(q.Reached),
                    Show.Time(q.BeganAt), Show.Time(q.Deadline), string.Join(", ", q.Members.Select(m => m.Instance)));
        });
        return ExitCode.Ok;
    }
}
