// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;
using Lifeboat.Contracts.Api;

namespace Lifeboat.Cli.Commands;

internal sealed class AlertDeliveriesCommand : LifeboatCommand
{
    private readonly Option<DeliveryState?> _state = Inputs.Choice<DeliveryState>("--state", "Only those that are so");

    public AlertDeliveriesCommand() : base("alert", "deliveries",
        "List what was sent to alert targets, what waits, and what was given up") => Add(_state);

    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        var deliveries = await session.Controller.AlertDeliveriesAsync(parsed.GetValue(_state), ct);
        session.Output.Write(deliveries, table =>
        {
            table.AddColumns("target", "alert", "what", "state", "attempts", "made", "next", "error");
            foreach (var d in deliveries)
                table.AddRow(d.Target, $"{d.Alert}", d.Happening, Show.Name(d.State), $"{d.Attempts}",
                    Show.Time(d.CreatedAt), d.NextAt is { } next ? Show.Time(next) : "", d.Error ?? "");
        });
        return ExitCode.Ok;
    }
}
