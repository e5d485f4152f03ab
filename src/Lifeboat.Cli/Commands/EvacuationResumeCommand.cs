// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;

namespace Lifeboat.Cli.Commands;

internal sealed class EvacuationResumeCommand : LifeboatCommand
{
    private readonly Argument<string> _evacuation = EvacuationInputs.Evacuation();

    public EvacuationResumeCommand() : base("evacuation", "resume",
        "End a pause") => Add(_evacuation);

    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        var id = EvacuationInputs.Id(parsed.GetRequiredValue(_evacuation));
        EvacuationTable.Write(session.Output, await session.Controller.ResumeEvacuationAsync(id, ct));
        return ExitCode.Ok;
    }
}
