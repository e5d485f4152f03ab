// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;
using System.Globalization;

namespace Lifeboat.Cli.Commands;

internal sealed class ProjectListCommand() : LifeboatCommand("project", "list",
    "List the descriptions of other sites' projects that are kept here")
{
    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        var all = await session.Controller.ProjectsAsync(ct);
        session.Output.Write(all, table =>
        {
            table.AddColumns("site", "version", "taken", "seen", "project", "roles", "quotas");
            foreach (var kept in all)
                table.AddRow(kept.Site, Text(kept.Version), Show.Time(kept.TakenAt), Show.Time(kept.SeenAt),
                    $"{kept.Project.Name} of {kept.Project.Domain}", Text(kept.Project.Grants.Count),
                    Text(kept.Project.Quotas.Count));
        });
        return ExitCode.Ok;
    }

    private static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);
}
