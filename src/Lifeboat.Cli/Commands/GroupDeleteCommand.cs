// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;

namespace Lifeboat.Cli.Commands;

internal sealed class GroupDeleteCommand : LifeboatCommand
{
    private readonly Argument<string> _group = Inputs.Group();

    public GroupDeleteCommand() : base("group", "delete",
        "End protection: instances stay as they are, the replica and its history are deleted") => Add(_group);

    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        await session.Controller.DeleteGroupAsync(parsed.GetRequiredValue(_group), ct);
        return ExitCode.Ok;
    }
}
