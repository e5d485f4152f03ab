// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;

namespace Lifeboat.Cli.Commands;

internal sealed class FollowUpListCommand : LifeboatCommand
{
    private readonly Option<bool> _all = new("--all") { Description = "Those that somebody closed, too" };

    public FollowUpListCommand() : base("followup", "list", "List what waits for somebody to look at it") => Add(_all);

    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        var all = await session.Controller.FollowUpsAsync(parsed.GetValue(_all), ct);
        session.Output.Write(all, table =>
        {
            table.AddColumns("follow-up", "group", "kind", "reason", "times", "since", "last", "detail", "closed");
            foreach (var f in all)
                table.AddRow(f.Id.ToString(), f.Group, f.Kind, Show.Name(f.Reason), $"{f.Count}",
                    Show.Time(f.OpenedAt), Show.Time(f.LastAt), f.Detail ?? "",
                    f.ClosedAt is { } at ? $"{Show.Time(at)}: {f.Closing}" : "");
        });
        return ExitCode.Ok;
    }
}
