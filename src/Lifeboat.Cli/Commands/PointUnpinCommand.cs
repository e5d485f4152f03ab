// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;

namespace Lifeboat.Cli.Commands;

internal sealed class PointUnpinCommand : LifeboatCommand
{
    private readonly Argument<string> _group = Inputs.Group();
    private readonly Argument<string> _point = new("point") { Description = "Id of the recovery point" };
    private readonly Argument<string> _name = new("name") { Description = "Name of the pin" };

    public PointUnpinCommand() : base("point", "unpin", "Let a recovery point expire again")
    {
        Add(_group);
        Add(_point);
        Add(_name);
    }

    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        await session.Controller.UnpinAsync(parsed.GetRequiredValue(_group),
            session.PointId(parsed.GetRequiredValue(_point)), parsed.GetRequiredValue(_name), ct);
        return ExitCode.Ok;
    }
}
