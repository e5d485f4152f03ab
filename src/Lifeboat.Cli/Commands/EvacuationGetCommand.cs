// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;

namespace Lifeboat.Cli.Commands;

internal sealed class EvacuationGetCommand : LifeboatCommand
{
    private readonly Argument<string> _evacuation = EvacuationInputs.Evacuation();
    private readonly Option<bool> _wait = new("--wait", "-w") { Description = "Follow it to its end" };

    public EvacuationGetCommand() : base("evacuation", "get",
        "Show what has become of each group; the exit code is the evacuation's outcome")
    {
        Add(_evacuation);
        Add(_wait);
    }

    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        var id = EvacuationInputs.Id(parsed.GetRequiredValue(_evacuation));
        var evacuation = await session.Controller.EvacuationAsync(id, ct);
        if (parsed.GetValue(_wait)) evacuation = await EvacuationProgress.FollowAsync(evacuation, session, ct);
        EvacuationTable.Write(session.Output, evacuation);
        return EvacuationTable.Outcome(evacuation);
    }
}
