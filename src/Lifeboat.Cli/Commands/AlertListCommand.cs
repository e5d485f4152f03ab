// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;

namespace Lifeboat.Cli.Commands;

internal sealed class AlertListCommand : LifeboatCommand
{
    private readonly Option<bool> _all = new("--all") { Description = "Also those that are closed" };
    private readonly Option<string?> _group = new("--group") { Description = "Only of this group" };

    public AlertListCommand() : base("alert", "list", "List the open alerts of this site")
    {
        Add(_all);
        Add(_group);
    }

    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        AlertTable.Write(session.Output, await session.Controller.AlertsAsync(
            parsed.GetValue(_all), parsed.GetValue(_group), ct));
        return ExitCode.Ok;
    }
}
