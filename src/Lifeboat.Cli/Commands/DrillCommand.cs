// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;
using Lifeboat.Contracts.Api;
using Lifeboat.Protection.Plans;

namespace Lifeboat.Cli.Commands;

internal sealed class DrillCommand : RunCommand
{
    private readonly Option<string?> _point = Inputs.Point();
    private readonly Option<TimeSpan?> _hold = Inputs.Duration("--hold",
        "Keep the copies running this long after the checks, or until `run release`");

    private readonly Option<string[]> _ways = new("--way")
    {
        Description = "Let people look at a copy while it is held, over TCP: INSTANCE:PORT@CIDR; may be repeated",
        HelpName = "WAY",
        DefaultValueFactory = _ => [],
    };

    private readonly Option<bool> _despiteGaps = DespiteGaps();

    public DrillCommand() : base("drill", "Test failover: boot copies in an isolated bubble, check them, remove them")
    {
        Add(_point);
        Add(_hold);
        Add(_ways);
        Add(_despiteGaps);
    }

    protected override StartRunRequest Request(ParseResult parsed, CommandSession session) => new()
    {
        Kind = RunKind.TestFailover,
        PointId = parsed.GetValue(_point) is { } point ? session.PointId(point) : null,
        Hold = parsed.GetValue(_hold),
        Ways = parsed.GetRequiredValue(_ways),
        DespiteGaps = parsed.GetValue(_despiteGaps),
    };
}
