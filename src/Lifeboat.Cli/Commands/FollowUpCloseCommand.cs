// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;
using Lifeboat.Contracts.Api;

namespace Lifeboat.Cli.Commands;

internal sealed class FollowUpCloseCommand : LifeboatCommand
{
    private readonly Argument<Guid> _id = new("id") { Description = "Id of the follow-up" };
    private readonly Option<string> _reason = new("--reason")
    {
        Description = "What was found, or why nothing has to be done", Required = true,
    };

    public FollowUpCloseCommand() : base("followup", "close", "Close a follow-up")
    {
        Add(_id);
        Add(_reason);
    }

    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        var closed = await session.Controller.CloseFollowUpAsync(parsed.GetRequiredValue(_id),
            new CloseFollowUpRequest(parsed.GetRequiredValue(_reason)), ct);
        session.Output.WriteFacts(closed,
        [
            ("follow-up", closed.Id.ToString()), ("group", closed.Group), ("kind", closed.Kind),
            ("closed at", Show.Time(closed.ClosedAt!.Value)), ("because", closed.Closing),
        ]);
        return ExitCode.Ok;
    }
}
