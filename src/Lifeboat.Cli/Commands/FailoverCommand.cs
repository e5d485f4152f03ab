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

    public FailoverCommand() : base("failover",
        "Run the group at this site; without --planned the other one is presumed lost")
    {
        Add(_point);
        Add(_planned);
    }

    protected override StartRunRequest Request(ParseResult parsed, CommandSession session) => new()
    {
        Kind = parsed.GetValue(_planned) ? RunKind.PlannedFailover : RunKind.Failover,
        PointId = parsed.GetValue(_point) is { } point ? session.PointId(point) : null,
    };
}
