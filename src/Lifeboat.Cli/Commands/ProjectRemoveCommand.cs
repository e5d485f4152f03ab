// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;

namespace Lifeboat.Cli.Commands;

internal sealed class ProjectRemoveCommand : LifeboatCommand
{
    private readonly Option<string?> _from = ProjectInputs.From();

    public ProjectRemoveCommand() : base("project", "remove",
        "Remove the project that `project prepare` made, once it is empty and no group needs it") => Add(_from);

    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        var site = await ProjectInputs.SiteAsync(parsed.GetValue(_from), session, ct);
        var removed = await session.Controller.RemoveProjectAsync(site, ct);
        session.Output.WriteFacts(removed, [("project", removed.Name), ("domain", removed.Domain),
            .. removed.Notes.Select(n => ("note", (string?)n))]);
        return ExitCode.Ok;
    }
}
