// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;
using Lifeboat.Contracts.Api;

namespace Lifeboat.Cli.Commands;

internal sealed class GroupSuspendCommand : LifeboatCommand
{
    private readonly Argument<string> _group = Inputs.Group();
    private readonly Option<string> _reason = new("--reason")
    {
        Description = "Why, for people who ask later",
        HelpName = "TEXT",
        Required = true,
    };

    private readonly Option<TimeSpan?> _for = Inputs.Duration("--for", "How long; then it resumes by itself");

    public GroupSuspendCommand() : base("group", "suspend",
        "Stop shipping for a while: writes are logged at this site, recovery points go on")
    {
        _for.Required = true;
        Add(_group);
        Add(_reason);
        Add(_for);
    }

    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        var group = await session.Controller.SuspendGroupAsync(parsed.GetRequiredValue(_group),
            new SuspendGroupRequest(parsed.GetRequiredValue(_reason), parsed.GetValue(_for) ?? TimeSpan.Zero), ct);
        GroupTable.Write(session.Output, group, session.Time);
        return ExitCode.Ok;
    }
}
