// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;
using Lifeboat.Agent.Processes;
using Lifeboat.Agent.Systemd;
using Lifeboat.Agent.Watchdog;
using Lifeboat.Contracts;

namespace Lifeboat.Cli.Commands;

internal sealed class SiteStopCommand : LifeboatCommand
{
    private readonly Option<bool> _withInstances = new("--with-instances")
    {
        Description = "Also stop the instances that this site started",
    };

    private readonly Option<string?> _only = new Option<string?>("--only")
    {
        Description = "Stop only the controller, or only the agent with its watchdog",
        HelpName = "ROLE",
    }.AcceptOnlyFromAmong(SiteRole.Agent, SiteRole.Controller);

    public SiteStopCommand() : base("site", "stop", "Stop watchdog, controller and agents; instances go on")
    {
        Add(_withInstances);
        Add(_only);
    }

    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        if (parsed.GetValue(_withInstances))
            foreach (var instance in await session.Controller.InstancesAsync(ct))
                if (!instance.Adopted) await session.Controller.StopInstanceAsync(instance.Name, ct);
        session.Begin("stop " + (parsed.GetValue(_only) ?? "the site"));
        if (parsed.GetValue(_only) is { } role)
            await SiteProcesses.StopOneAsync(session.SiteDirectory, role, session.Time, ct);
        else if (SiteServices.Of(session.SiteDirectory) is { Installed.Count: > 0, CanRun: true } services)
            await services.StopAsync(ct);
        else await SiteProcesses.StopAsync(session.SiteDirectory, session.Time, ct);
        return ExitCode.Ok;
    }
}
