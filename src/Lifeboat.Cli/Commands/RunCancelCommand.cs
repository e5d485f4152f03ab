// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;

namespace Lifeboat.Cli.Commands;

internal sealed class RunCancelCommand : LifeboatCommand
{
    private readonly Argument<string> _run = new("run") { Description = "Id of the run" };

    public RunCancelCommand() : base("run", "cancel", "Stop a run at the next safe point and undo it") => Add(_run);

    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        var run = await session.Controller.CancelRunAsync(session.RunId(parsed.GetRequiredValue(_run)), ct);
        RunTable.Write(session.Output, run);
        return ExitCode.Ok;
    }
}
