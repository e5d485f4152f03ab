// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;

namespace Lifeboat.Cli.Commands;

internal sealed class RunApproveCommand : LifeboatCommand
{
    private readonly Argument<string> _run = new("run") { Description = "Id of the run" };

    public RunApproveCommand() : base("run", "approve",
        "Let a run begin that somebody else asked for and that needs a second person") => Add(_run);

    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        var run = await session.Controller.ApproveRunAsync(session.RunId(parsed.GetRequiredValue(_run)), ct);
        RunTable.Write(session.Output, run);
        return ExitCode.Ok;
    }
}
