// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;
using Lifeboat.Agent.Processes;
using Lifeboat.Agent.Watchdog;

namespace Lifeboat.Cli.Commands;

internal sealed class WatchdogCommand : LifeboatCommand
{
    private readonly Option<string?> _only = new Option<string?>("--only")
    {
        Description = "Keep only this role going; the other is kept by somebody else, as by a service of its own",
        HelpName = "ROLE",
    }.AcceptOnlyFromAmong(SiteRole.Agent, SiteRole.Controller);

    public WatchdogCommand()
        : base(null, "watchdog", "Run the watchdog of the site: keeps controller and agent going") => Add(_only);

    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        await WatchdogHost.RunAsync(session.SiteDirectory, parsed.GetValue(_only), ct);
        return ExitCode.Ok;
    }
}
