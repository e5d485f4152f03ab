// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;
using Lifeboat.Agent.Watchdog;

namespace Lifeboat.Cli.Commands;

internal sealed class WatchdogCommand()
    : LifeboatCommand(null, "watchdog", "Run the watchdog of the site: keeps controller and agent going")
{
    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        await WatchdogHost.RunAsync(session.SiteDirectory, ct);
        return ExitCode.Ok;
    }
}
