// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;

namespace Lifeboat.Cli.Commands;

internal sealed class EvacuationListCommand() : LifeboatCommand("evacuation", "list",
    "List the evacuations to this site, newest first")
{
    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        EvacuationTable.WriteAll(session.Output, await session.Controller.EvacuationsAsync(ct));
        return ExitCode.Ok;
    }
}
