// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Api;
using Lifeboat.Protection;

namespace Lifeboat.Cli.Commands;

internal sealed class OperationGetCommand : LifeboatCommand
{
    private readonly Argument<string> _operation = new("operation") { Description = "Id of an operation or a run" };

    public OperationGetCommand() : base("operation", "get",
        "What became of an operation; exits with the reason of one that failed") => Add(_operation);

    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        var text = parsed.GetRequiredValue(_operation);
        if (!Guid.TryParse(text, out var id))
            throw new ProblemException(ReasonCode.OperationUnknown, $"'{text}' is not the id of an operation",
                "`lifeboat operation list` shows them.");
        var operation = await session.Controller.OperationAsync(id, ct);
        session.Output.WriteFacts(operation,
        [
            ("request", operation.Request),
            ("state", Show.Name(operation.State)),
            ("began", Show.Time(operation.CreatedAt)),
            ("ended", operation.FinishedAt is { } end ? Show.Time(end) : null),
            ("progress", operation.Progress is { } done ? $"{done:P0}" : null),
            ("result", operation.Result),
            ("problem", operation.Problem?.Title),
            ("", operation.Problem?.Detail),
        ]);
        return operation.State is OperationState.Failed
            ? ExitCode.From(operation.Problem?.Reason ?? ReasonCode.Unexpected) : ExitCode.Ok;
    }
}
