// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;

namespace Lifeboat.Cli.Commands;

internal sealed class OperationListCommand() : LifeboatCommand("operation", "list",
    "Changes that were asked for without waiting, newest first")
{
    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        var operations = await session.Controller.OperationsAsync(ct);
        session.Output.Write(operations, table =>
        {
            table.AddColumns("id", "request", "state", "began");
            foreach (var o in operations)
                table.AddRow(o.Id.ToString(), o.Request, Show.Name(o.State), Show.Time(o.CreatedAt));
        });
        return ExitCode.Ok;
    }
}
