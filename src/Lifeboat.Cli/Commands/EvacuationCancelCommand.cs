// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;

namespace Lifeboat.Cli.Commands;

internal sealed class EvacuationCancelCommand : LifeboatCommand
{
    private readonly Argument<string> _evacuation = EvacuationInputs.Evacuation();

    public EvacuationCancelCommand() : base("evacuation", "cancel",
        "End it before all groups had their turn: runs under way go on, no new one begins") => Add(_evacuation);

    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        var id = EvacuationInputs.Id(parsed.GetRequiredValue(_evacuation));
        EvacuationTable.Write(session.Output, await session.Controller.CancelEvacuationAsync(id, ct));
        return ExitCode.Ok;
    }
}
