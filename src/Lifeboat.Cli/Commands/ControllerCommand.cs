// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;
using Lifeboat.Agent.Processes;
using Lifeboat.Agent.Systemd;
using Lifeboat.Agent.Watchdog;
using Lifeboat.Contracts;
using Lifeboat.Controller;
using Lifeboat.Protection;

namespace Lifeboat.Cli.Commands;

internal sealed class ControllerCommand() : LifeboatCommand(null, "controller", "Run the controller of the site")
{
    private static readonly TimeSpan PredecessorLimit = TimeSpan.FromSeconds(5);

    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        // The watchdog and `site stop` find the process by this file.
        using var role = await PidFile.TakeAsync(session.Paths, SiteRole.Controller, PredecessorLimit, session.Time, ct)
            ?? throw new ProblemException(ReasonCode.Conflict, "another controller of this site runs",
                $"See {session.Paths.PidFile(SiteRole.Controller)}.");
        await using var eyes = SecondWatches.Start(session.SiteDirectory, session.Time);
        var listens = false;
        var notice = new ServiceNotice(session.Time).RunAsync(() => Volatile.Read(ref listens), ct);
        await ControllerHost.RunAsync(session.SiteDirectory, () => Volatile.Write(ref listens, true), ct);
        await notice;
        return ExitCode.Ok;
    }
}
