// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;
using System.Text.Json;
using Lifeboat.Contracts;
using Lifeboat.Protection;

namespace Lifeboat.Cli.Commands;

internal sealed class EventWatchCommand : LifeboatCommand
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);
    private readonly Option<long?> _after = new("--after")
    {
        Description = "Everything behind the event of this number first (default: what happens from now on)",
        HelpName = "NUMBER",
    };

    public EventWatchCommand() : base("event", "watch",
        "Follow what happens at the site: states of groups, points, runs, alerts; ends when it is interrupted") =>
        Add(_after);

    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        var after = parsed.GetValue(_after);
        // A controller that restarts is waited for: the log goes on behind the last number.
        while (true)
        {
            try
            {
                await foreach (var happened in session.Controller.WatchEventsAsync(after, ct))
                {
                    after = happened.Number;
                    await Console.Out.WriteLineAsync(session.Output.ForPeople
                        ? $"{Show.Time(happened.At)} {Show.Name(happened.Kind),-11} {happened.Group,-16} "
                            + $"{happened.State,-14} {happened.Text}"
                        : JsonSerializer.Serialize(happened, ContractJson.Options));
                }
            }
            catch (Exception e) when (after is not null && (e is IOException or HttpRequestException
                or ProblemException { Reason: ReasonCode.ControllerUnreachable }))
            {
                session.Output.Talk("the controller is away; waiting for it");
            }
            await Task.Delay(Pause, session.Time, ct);
        }
    }
}
