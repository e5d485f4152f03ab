// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;
using Lifeboat.Agent.Processes;
using Lifeboat.Agent.Systemd;
using Lifeboat.Agent.Watchdog;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Sites;
using Lifeboat.Protection;

namespace Lifeboat.Cli.Commands;

internal sealed class SiteStartCommand() : LifeboatCommand("site", "start",
    "Start watchdog, controller and agents of this site and wait until they answer")
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        var site = SiteConfiguration.Read(session.SiteDirectory);
        session.Begin($"start site {site.Name}");
        string[] logs = [session.Paths.LogFile(SiteRole.Controller), session.Paths.LogFile(SiteRole.Agent)];
        var refusals = logs.Select(l => new StartRefusals(l)).ToList();
        if (SiteServices.Of(session.SiteDirectory) is { Installed.Count: > 0, CanRun: true } services)
            await services.StartAsync(ct);
        else SiteProcesses.StartWatchdog(session.SiteDirectory);
        var start = session.Time.GetTimestamp();
        while (true)
        {
            try
            {
                var info = await session.Controller.SiteAsync(ct);
                if (info.Agent is not null && info.Hosts.All(h => h.Agent is not null)) break;
            }
            catch (ProblemException e) when (e.Reason == ReasonCode.ControllerUnreachable)
            {
                // Not up yet.
            }
            // Twice: the first one may be of what has ended since, a port that was still taken.
            if (refusals.Find(r => r.Count() > 1) is { } refused)
                throw new ProblemException(refused.Reason, $"site {site.Name} does not start: {refused.Text}",
                    "What is started tries again every few seconds: mend it, and it comes up by itself. "
                    + $"More is in {session.Paths.Logs}.", refused.Details);
            if (session.Time.GetElapsedTime(start) > Limit)
                throw new ProblemException(ReasonCode.Timeout, $"site {site.Name} did not come up within {Limit}",
                    $"See the logs in {session.Paths.Logs}.");
            await Task.Delay(TimeSpan.FromMilliseconds(200), session.Time, ct);
        }
        session.Output.Talk($"site {site.Name} is up");
        return ExitCode.Ok;
    }
}
