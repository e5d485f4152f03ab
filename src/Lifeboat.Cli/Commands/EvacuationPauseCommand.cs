// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;

namespace Lifeboat.Cli.Commands;

internal sealed class EvacuationPauseCommand : LifeboatCommand
{
    private readonly Argument<string> _evacuation = EvacuationInputs.Evacuation();

    public EvacuationPauseCommand() : base("evacuation", "pause",
        "Let no new run begin; those under way go on") => Add(_evacuation);

    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        var id = EvacuationInputs.Id(parsed.GetRequiredValue(_evacuation));
        EvacuationTable.Write(session.Output, await session.Controller.PauseEvacuationAsync(id, ct));
        return ExitCode.Ok;
    }
}
