// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;

namespace Lifeboat.Cli.Commands;

internal sealed class ProjectGetCommand : LifeboatCommand
{
    private readonly Option<string?> _from = ProjectInputs.From();
    private readonly Option<long?> _version = ProjectInputs.Version();

    public ProjectGetCommand() : base("project", "get",
        "Show what the project of another site is like: itself, who has which role, quotas")
    {
        Add(_from);
        Add(_version);
    }

    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        var site = await ProjectInputs.SiteAsync(parsed.GetValue(_from), session, ct);
        ProjectTable.Write(session.Output,
            await session.Controller.ProjectAsync(site, parsed.GetValue(_version), ct));
        return ExitCode.Ok;
    }
}
