// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;

namespace Lifeboat.Cli.Commands;

internal sealed class RunReleaseCommand : LifeboatCommand
{
    private readonly Argument<string> _run = new("run") { Description = "Id of the run" };

    public RunReleaseCommand() : base("run", "release", "End the hold of a drill") => Add(_run);

    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        var run = await session.Controller.ReleaseRunAsync(session.RunId(parsed.GetRequiredValue(_run)), ct);
        RunTable.Write(session.Output, run);
        return ExitCode.Ok;
    }
}
