// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;

namespace Lifeboat.Cli.Commands;

internal sealed class InstanceRemoveCommand : LifeboatCommand
{
    private readonly Argument<string> _name = new("instance") { Description = "Name of the instance" };

    public InstanceRemoveCommand() : base("instance", "remove",
        "Stop an instance and forget it; disks that the site did not make are left alone") => Add(_name);

    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        await session.Controller.RemoveInstanceAsync(parsed.GetRequiredValue(_name), ct);
        return ExitCode.Ok;
    }
}
