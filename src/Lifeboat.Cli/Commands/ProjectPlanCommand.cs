// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;
using Lifeboat.Contracts.Api;

namespace Lifeboat.Cli.Commands;

internal sealed class ProjectPlanCommand : LifeboatCommand
{
    private readonly Option<string?> _from = ProjectInputs.From();
    private readonly Option<long?> _version = ProjectInputs.Version();

    public ProjectPlanCommand() : base("project", "plan",
        "Show what would be made at this cloud for a project like that of another site, and every gap")
    {
        Add(_from);
        Add(_version);
    }

    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        var site = await ProjectInputs.SiteAsync(parsed.GetValue(_from), session, ct);
        ProjectTable.WritePlan(session.Output, await session.Controller.PlanProjectAsync(site,
            new ProjectRequest { Version = parsed.GetValue(_version) }, ct));
        return ExitCode.Ok;
    }
}
