// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;
using Lifeboat.Contracts.Api;

namespace Lifeboat.Cli.Commands;

internal sealed class ProjectPrepareCommand : LifeboatCommand
{
    private readonly Option<string?> _from = ProjectInputs.From();
    private readonly Option<long?> _version = ProjectInputs.Version();
    private readonly Option<bool> _extend = ProjectInputs.Extend();

    private readonly Option<bool> _despiteGaps = new("--despite-gaps")
    {
        Description = "Make what has no gap, though other things have",
    };

    public ProjectPrepareCommand() : base("project", "prepare",
        "Make what `project plan` shows: the project, who has which role in it, its quotas")
    {
        Option[] options = [_from, _version, _extend, _despiteGaps];
        foreach (var option in options) Add(option);
    }

    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        var site = await ProjectInputs.SiteAsync(parsed.GetValue(_from), session, ct);
        ProjectTable.WritePrepared(session.Output, await session.Controller.PrepareProjectAsync(site,
            new ProjectRequest
            {
                Version = parsed.GetValue(_version),
                Extend = parsed.GetValue(_extend),
                DespiteGaps = parsed.GetValue(_despiteGaps),
            }, ct));
        return ExitCode.Ok;
    }
}
