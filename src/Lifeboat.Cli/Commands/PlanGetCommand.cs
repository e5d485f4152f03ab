// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;

namespace Lifeboat.Cli.Commands;

internal sealed class PlanGetCommand : LifeboatCommand
{
    private readonly Argument<string> _group = Inputs.Group();

    public PlanGetCommand() : base("plan", "get",
        "Show what a group's runs are made from; what one would do is shown by its --dry-run") => Add(_group);

    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        PlanTable.Write(session.Output, await session.Controller.GroupPlanAsync(parsed.GetRequiredValue(_group), ct));
        return ExitCode.Ok;
    }
}
