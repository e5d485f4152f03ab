// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Agent.Processes;
using Lifeboat.Agent.Systemd;
using Lifeboat.Contracts.Sites;
using Microsoft.Extensions.Logging;

namespace Lifeboat.Agent.Watchdog;

/// <summary>
/// The agent's side of mutual care: brings a watchdog back that has died; none is made anew. Where the watchdog is a
/// service of systemd's that is left to it: two that bring it back would take it from each other.
/// </summary>
internal sealed partial class WatchdogKeeper(
    SitePaths paths, Launcher launcher, TimeProvider time, ILogger<WatchdogKeeper> logger)
{
    private static readonly TimeSpan LookEvery = TimeSpan.FromMilliseconds(500);

    public async Task RunAsync(CancellationToken ct)
    {
        while (!ct.IsCancellationRequested)
        {
            if (ServiceNotice.IsService)
            {
                await PauseAsync(Timeout.InfiniteTimeSpan, ct);
                continue;
            }
            // The pid file outlives a killed watchdog and goes with one that was stopped.
            if (File.Exists(paths.PidFile(SiteRole.Watchdog)) && !SiteProcesses.IsStopping(paths)
                && PidFile.Find(paths, SiteRole.Watchdog) is null)
            {
                var process = launcher.Start(paths, SiteRole.Watchdog);
                LogRestarted(process?.Id ?? 0);
                await PauseAsync(LookEvery, ct);
            }
            await PauseAsync(LookEvery, ct);
        }
    }

    private async Task PauseAsync(TimeSpan pause, CancellationToken ct) =>
        await Task.Delay(pause, time, ct).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);

    [LoggerMessage(EventIds.WatchdogRestarted, LogLevel.Warning,
        "The watchdog had died; started it as process {Process}")]
    private partial void LogRestarted(int process);
}
