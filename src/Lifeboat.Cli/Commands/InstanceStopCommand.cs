// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;

namespace Lifeboat.Cli.Commands;

internal sealed class InstanceStopCommand : LifeboatCommand
{
    private readonly Argument<string> _name = new("instance") { Description = "Name of the instance" };

    public InstanceStopCommand() : base("instance", "stop", "Stop an instance hard, as by pulling the plug") =>
        Add(_name);

    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        await session.Controller.StopInstanceAsync(parsed.GetRequiredValue(_name), ct);
        return ExitCode.Ok;
    }
}
