// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;

namespace Lifeboat.Cli.Commands;

internal sealed class EvacuationContinueCommand : LifeboatCommand
{
    private readonly Argument<string> _evacuation = EvacuationInputs.Evacuation();

    public EvacuationContinueCommand() : base("evacuation", "continue",
        "Let the next wave begin, where the evacuation waits between two") => Add(_evacuation);

    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        var id = EvacuationInputs.Id(parsed.GetRequiredValue(_evacuation));
        EvacuationTable.Write(session.Output, await session.Controller.ContinueEvacuationAsync(id, ct));
        return ExitCode.Ok;
    }
}
