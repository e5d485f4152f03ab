// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;

namespace Lifeboat.Cli.Commands;

internal sealed class ProjectRefreshCommand : LifeboatCommand
{
    private readonly Option<string?> _from = ProjectInputs.From();

    public ProjectRefreshCommand() : base("project", "refresh",
        "Have the project of another site described anew, now; it is done every few minutes anyway") => Add(_from);

    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        var site = await ProjectInputs.SiteAsync(parsed.GetValue(_from), session, ct);
        ProjectTable.Write(session.Output, await session.Controller.RefreshProjectAsync(site, ct));
        return ExitCode.Ok;
    }
}
