// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;

namespace Lifeboat.Cli.Commands;

internal sealed class ControllerListCommand()
    : LifeboatCommand("controller", "list", "List the controllers of this site that live, and what each works on")
{
    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        var controllers = await session.Controller.ControllersAsync(ct);
        session.Output.Write(controllers, table =>
        {
            table.AddColumns("controller", "URL", "up since", "groups", "answers here");
            foreach (var one in controllers)
                table.AddRow(one.Name, one.Url, Show.Time(one.StartedAt), $"{one.Groups.Count}",
                    one.IsThis ? "yes" : "");
        });
        return ExitCode.Ok;
    }
}
