// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;

namespace Lifeboat.Cli.Commands;

internal sealed class AlertAcknowledgeCommand : LifeboatCommand
{
    private readonly Argument<Guid> _alert = new("alert") { Description = "Id, as `alert list` shows it" };

    public AlertAcknowledgeCommand() : base("alert", "acknowledge",
        "Say that somebody knows of an alert; it stays open") => Add(_alert);

    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        AlertTable.Write(session.Output,
            await session.Controller.AcknowledgeAlertAsync(parsed.GetRequiredValue(_alert), ct));
        return ExitCode.Ok;
    }
}
