// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;

namespace Lifeboat.Cli.Commands;

internal sealed class ApplicationListCommand() : LifeboatCommand("application", "list", "List applications")
{
    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        var applications = await session.Controller.ApplicationsAsync(ct);
        session.Output.Write(applications, table =>
        {
            table.AddColumns("application", "group", "lives at", "replicated to", "volumes");
            foreach (var application in applications)
                foreach (var group in application.Groups)
                    table.AddRow(application.Name, group.Group, group.PrimarySite, group.RecoverySite,
                        string.Join(", ", group.Volumes));
        });
        return ExitCode.Ok;
    }
}
