// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;
using Lifeboat.Contracts.Api;

namespace Lifeboat.Cli.Commands;

internal sealed class GroupQuiesceCommand : LifeboatCommand
{
    private readonly Argument<string> _group = Inputs.Group();
    private readonly Option<TimeSpan?> _limit = Inputs.QuiesceLimit();
    private readonly Option<bool> _all = new("--all-or-none")
    {
        Description = "When one instance cannot be brought to rest let all go on, whatever their rules say",
    };

    public GroupQuiesceCommand() : base("group", "quiesce",
        "Bring all instances of a group to rest, in the order of its policy, and hold them there")
    {
        Add(_group);
        Add(_limit);
        Add(_all);
    }

    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        var quiesce = await session.Controller.QuiesceGroupAsync(parsed.GetRequiredValue(_group),
            new QuiesceGroupRequest
            {
                Limit = parsed.GetValue(_limit), AllOrNone = parsed.GetValue(_all) ? true : null,
            }, ct);
        QuiesceTable.Write(session.Output, quiesce);
        return QuiesceTable.ExitOf(quiesce);
    }
}
