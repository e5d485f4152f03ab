// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;
using Lifeboat.Contracts.Api;

namespace Lifeboat.Cli.Commands;

internal sealed class GroupSettleCommand : LifeboatCommand
{
    private readonly Argument<string> _group = Inputs.Group();
    private readonly Option<string> _keep = PolicyInputs.Keep();
    private readonly Option<string[]?> _fields = PolicyInputs.Fields();

    public GroupSettleCommand() : base("group", "settle",
        "Say which site's edits of a group stay, of those that contradict each other")
    {
        Add(_group);
        Add(_keep);
        Add(_fields);
    }

    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        var settled = await session.Controller.SettleGroupAsync(parsed.GetRequiredValue(_group), new SettleRequest
        {
            Keep = parsed.GetRequiredValue(_keep),
            Fields = Inputs.Given(parsed.GetValue(_fields)),
        }, ct);
        GroupTable.Write(session.Output, settled, session.Time);
        return ExitCode.Ok;
    }
}
