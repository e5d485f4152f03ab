// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Agent.Processes;
using Lifeboat.Contracts.Sites;
using Microsoft.Extensions.Logging;

namespace Lifeboat.Agent.Watchdog;

/// <summary>Keeps one process of the site running: takes over one that runs, starts one when none does.</summary>
internal sealed partial class Supervisor(
    string role, SitePaths paths, Launcher launcher, TimeProvider time, ILogger<Supervisor> logger)
{
    private static readonly TimeSpan LookEvery = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan PauseMax = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan Settled = TimeSpan.FromSeconds(10);

    public async Task RunAsync(CancellationToken ct)
    {
        var pause = TimeSpan.Zero;
        while (!ct.IsCancellationRequested)
        {
            var process = PidFile.Find(paths, role);
            if (process is { } adopted) LogAdopted(role, adopted.Id);
            else process = await StartAsync(pause, ct);
            var started = time.GetTimestamp();
            while (!ct.IsCancellationRequested && process is { } current && current.IsAlive)
                await PauseAsync(LookEvery, ct);
            if (ct.IsCancellationRequested) return;
            LogEnded(role, process?.Id ?? 0);
            // One that ran for a while is started again at once; one that cannot start is not started in a busy loop.
            pause = time.GetElapsedTime(started) > Settled
                ? TimeSpan.Zero
                : Min(PauseMax, pause * 2 + TimeSpan.FromMilliseconds(100));
        }
    }

    private async Task<ProcessIdentity?> StartAsync(TimeSpan pause, CancellationToken ct)
    {
        await PauseAsync(pause, ct);
        if (ct.IsCancellationRequested) return null;
        var process = launcher.Start(paths, role);
        LogStarted(role, process?.Id ?? 0);
        return process;
    }

    // Being stopped is no failure here: the loops look at the token.
    private async Task PauseAsync(TimeSpan pause, CancellationToken ct) =>
        await Task.Delay(pause, time, ct).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);

    private static TimeSpan Min(TimeSpan a, TimeSpan b) => a < b ? a : b;

    [LoggerMessage(EventIds.ProcessStarted, LogLevel.Information, "Started {Role} as process {Process}")]
    private partial void LogStarted(string role, int process);

    [LoggerMessage(EventIds.ProcessAdopted, LogLevel.Information, "Found {Role} running as process {Process}")]
    private partial void LogAdopted(string role, int process);

    [LoggerMessage(EventIds.ProcessEnded, LogLevel.Warning, "{Role}, process {Process}, has ended")]
    private partial void LogEnded(string role, int process);
}
