// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;

namespace Lifeboat.Cli.Commands;

internal sealed class GroupGetCommand : LifeboatCommand
{
    private readonly Argument<string> _group = Inputs.Group();

    public GroupGetCommand() : base("group", "get", "Show one protection group") => Add(_group);

    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        var group = await session.Controller.GroupAsync(parsed.GetRequiredValue(_group), ct);
        GroupTable.Write(session.Output, group, session.Time);
        return ExitCode.Ok;
    }
}
