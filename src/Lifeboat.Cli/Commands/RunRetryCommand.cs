// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;

namespace Lifeboat.Cli.Commands;

internal sealed class RunRetryCommand : LifeboatCommand
{
    private readonly Argument<string> _run = new("run") { Description = "Id of the run" };

    public RunRetryCommand() : base("run", "retry",
        "Go on with a failed run from the step that failed; of a drill: with its clean-up") => Add(_run);

    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        var run = await session.Controller.RetryRunAsync(session.RunId(parsed.GetRequiredValue(_run)), ct);
        RunTable.Write(session.Output, run);
        return ExitCode.Ok;
    }
}
