// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;
using Lifeboat.Agent.Watchdog;
using Lifeboat.Contracts;

namespace Lifeboat.Cli.Commands;

internal sealed class SiteStopCommand : LifeboatCommand
{
    private readonly Option<bool> _withInstances = new("--with-instances")
    {
        Description = "Also stop the instances that this site started",
    };

    public SiteStopCommand() : base("site", "stop", "Stop watchdog, controller and agents; instances go on") =>
        Add(_withInstances);

    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        if (parsed.GetValue(_withInstances))
            foreach (var instance in await session.Controller.InstancesAsync(ct))
                if (!instance.Adopted) await session.Controller.StopInstanceAsync(instance.Name, ct);
        await SiteProcesses.StopAsync(session.SiteDirectory, session.Time, ct);
        return ExitCode.Ok;
    }
}
