// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;

namespace Lifeboat.Cli.Commands;

internal sealed class AlertTargetListCommand() : LifeboatCommand("alert target", "list",
    "List where alerts are sent to; secrets are not shown")
{
    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        AlertTable.Write(session.Output, await session.Controller.AlertTargetsAsync(ct));
        return ExitCode.Ok;
    }
}
