// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;

namespace Lifeboat.Cli.Commands;

internal sealed class GroupListCommand() : LifeboatCommand("group", "list", "List the protection groups of this site")
{
    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        var groups = await session.Controller.GroupsAsync(ct);
        session.Output.Write(groups, table =>
        {
            table.AddColumns("group", "state", "primary", "recovery", "epoch", "instances", "exposure");
            foreach (var g in groups)
                table.AddRow(g.Definition.Name, GroupTable.State(g), g.Definition.PrimarySite,
                    g.Definition.RecoverySite, g.Definition.Epoch.ToString(),
                    string.Join(", ", g.Definition.Members.Select(m => m.Instance)),
                    g.Exposure is { } e ? Show.Span(e) : "");
        });
        return ExitCode.Ok;
    }
}
