// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;
using Lifeboat.Contracts.Api;
using Lifeboat.Protection;

namespace Lifeboat.Cli.Commands;

internal sealed class AlertTargetTestCommand : LifeboatCommand
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    private readonly Argument<string> _name = new("target") { Description = "Its name" };

    public AlertTargetTestCommand() : base("alert target", "test",
        "Send a test the way that alerts take, and say what became of it") => Add(_name);

    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        var sent = await session.Controller.TestAlertTargetAsync(parsed.GetRequiredValue(_name), ct);
        var began = session.Time.GetTimestamp();
        while (sent is { State: DeliveryState.Waiting, Error: null } && session.Time.GetElapsedTime(began) < Limit)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(200), session.Time, ct);
            sent = (await session.Controller.AlertDeliveriesAsync(null, ct)).FirstOrDefault(d => d.Id == sent.Id)
                ?? sent;
        }
        session.Output.WriteFacts(sent,
        [
            ("target", sent.Target), ("state", Show.Name(sent.State)), ("attempts", $"{sent.Attempts}"),
            ("error", sent.Error),
        ]);
        return sent.State is DeliveryState.Delivered ? ExitCode.Ok : ExitCode.From(ReasonCode.Timeout);
    }
}
