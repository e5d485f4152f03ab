// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;
using Lifeboat.Contracts.Api;
using Lifeboat.Protection.Plans;

namespace Lifeboat.Cli.Commands;

internal sealed class FailoverCommand : RunCommand
{
    private readonly Option<string?> _point = Inputs.Point();
    private readonly Option<bool> _planned = new("--planned")
    {
        Description = "Both sites are alive: shut the guests down at the primary first and lose nothing",
    };

    private readonly Option<bool> _dead = new("--source-is-dead")
    {
        Description = "The other site is connected and answers, but its instances are gone for good: run them here all "
            + "the same. Else an unplanned failover is refused then, for both sites would write",
    };

    private readonly Option<bool> _despiteGaps = DespiteGaps();

    public FailoverCommand() : base("failover",
        "Run the group at this site; without --planned the other one is presumed lost")
    {
        Add(_point);
        Add(_planned);
        Add(_dead);
        Add(_despiteGaps);
    }

    protected override StartRunRequest Request(ParseResult parsed, CommandSession session) => new()
    {
        Kind = parsed.GetValue(_planned) ? RunKind.PlannedFailover : RunKind.Failover,
        SourceIsDead = parsed.GetValue(_dead),
        DespiteGaps = parsed.GetValue(_despiteGaps),
        PointId = parsed.GetValue(_point) is { } point ? session.PointId(point) : null,
    };
}
