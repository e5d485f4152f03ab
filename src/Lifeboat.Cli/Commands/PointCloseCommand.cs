// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;

namespace Lifeboat.Cli.Commands;

internal sealed class PointCloseCommand : LifeboatCommand
{
    private readonly Argument<string> _group = Inputs.Group();
    private readonly Argument<string> _name = new("view") { Description = "Name of the view" };

    public PointCloseCommand() : base("point", "close", "Close a view that `point open` opened")
    {
        Add(_group);
        Add(_name);
    }

    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        await session.Controller.CloseViewAsync(parsed.GetRequiredValue(_group), parsed.GetRequiredValue(_name), ct);
        return ExitCode.Ok;
    }
}
