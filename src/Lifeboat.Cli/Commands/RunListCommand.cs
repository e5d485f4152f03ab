// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;

namespace Lifeboat.Cli.Commands;

internal sealed class RunListCommand : LifeboatCommand
{
    private readonly Option<string?> _group = new("--group", "-g") { Description = "Only runs of this group" };

    public RunListCommand() : base("run", "list", "List runs, newest first") => Add(_group);

    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        var runs = await session.Controller.RunsAsync(parsed.GetValue(_group), ct);
        session.Output.Write(runs, table =>
        {
            table.AddColumns("run", "group", "kind", "state", "started", "took");
            foreach (var r in runs)
                table.AddRow(r.Id.ToString(), r.Group, Show.Name(r.Kind), Show.Name(r.State), Show.Time(r.CreatedAt),
                    Show.Span(r.Elapsed));
        });
        return ExitCode.Ok;
    }
}
