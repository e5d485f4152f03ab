// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;
using Lifeboat.Contracts.Api;

namespace Lifeboat.Cli.Commands;

internal sealed class GroupThawCommand : LifeboatCommand
{
    private readonly Argument<string> _group = Inputs.Group();
    private readonly Option<Guid?> _id = Inputs.QuiesceId();

    public GroupThawCommand() : base("group", "thaw", "Let the instances of a group go on that are held at rest")
    {
        Add(_group);
        Add(_id);
    }

    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        var thawed = await session.Controller.ThawGroupAsync(
            parsed.GetRequiredValue(_group), new ThawRequest(parsed.GetValue(_id)), ct);
        QuiesceTable.Write(session.Output, thawed);
        return QuiesceTable.ExitOf(thawed);
    }
}
