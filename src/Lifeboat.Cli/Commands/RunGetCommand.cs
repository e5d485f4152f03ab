// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;

namespace Lifeboat.Cli.Commands;

internal sealed class RunGetCommand : LifeboatCommand
{
    private readonly Argument<string> _run = new("run") { Description = "Id of the run" };
    private readonly Option<bool> _wait = new("--wait", "-w") { Description = "Follow it to its end" };

    public RunGetCommand() : base("run", "get", "Show one run; its exit code is the run's outcome")
    {
        Add(_run);
        Add(_wait);
    }

    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        var run = await session.Controller.RunAsync(session.RunId(parsed.GetRequiredValue(_run)), ct);
        if (parsed.GetValue(_wait)) run = await RunProgress.FollowAsync(run, session, ct);
        RunTable.Write(session.Output, run);
        return RunCommand.Outcome(run);
    }
}
