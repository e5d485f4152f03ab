// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;

namespace Lifeboat.Cli.Commands;

internal sealed class GroupResumeCommand : LifeboatCommand
{
    private readonly Argument<string> _group = Inputs.Group();

    public GroupResumeCommand() : base("group", "resume",
        "Ship again before a suspension's time is over") => Add(_group);

    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        var group = await session.Controller.ResumeGroupAsync(parsed.GetRequiredValue(_group), ct);
        GroupTable.Write(session.Output, group, session.Time);
        return ExitCode.Ok;
    }
}
