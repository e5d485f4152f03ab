// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;

namespace Lifeboat.Cli.Commands;

internal sealed class PlanListCommand() : LifeboatCommand("plan", "list", "List what the runs of groups are made from")
{
    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        var plans = await session.Controller.PlansAsync(ct);
        session.Output.Write(plans, table =>
        {
            table.AddColumns("group", "boot order", "checks", "four eyes");
            foreach (var p in plans)
                table.AddRow(p.Group, PlanTable.Order(p), string.Join(", ", p.Checks), p.FourEyes ? "yes" : "no");
        });
        return ExitCode.Ok;
    }
}
