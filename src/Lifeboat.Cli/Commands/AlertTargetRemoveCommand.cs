// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;

namespace Lifeboat.Cli.Commands;

internal sealed class AlertTargetRemoveCommand : LifeboatCommand
{
    private readonly Argument<string> _name = new("target") { Description = "Its name" };

    public AlertTargetRemoveCommand() : base("alert target", "remove",
        "Send no more alerts there, and forget what waits for it") => Add(_name);

    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        await session.Controller.RemoveAlertTargetAsync(parsed.GetRequiredValue(_name), ct);
        return ExitCode.Ok;
    }
}
