// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;

namespace Lifeboat.Cli.Commands;

internal sealed class AlertCloseCommand : LifeboatCommand
{
    private readonly Argument<Guid> _alert = new("alert") { Description = "Id, as `alert list` shows it" };

    public AlertCloseCommand() : base("alert", "close",
        "Close an alert; while it still holds it is not raised again") => Add(_alert);

    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        AlertTable.Write(session.Output, await session.Controller.CloseAlertAsync(parsed.GetRequiredValue(_alert), ct));
        return ExitCode.Ok;
    }
}
