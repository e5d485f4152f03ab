// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Agent.Heartbeats;
using Lifeboat.Agent.Processes;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Sites;
using Lifeboat.Protection;
using Microsoft.Extensions.Logging;

namespace Lifeboat.Agent.Watchdog;

/// <summary>The watchdog of a site: keeps controller and agent running, kills a hung agent, thaws guests.</summary>
public static class WatchdogHost
{
    private static readonly TimeSpan PredecessorLimit = TimeSpan.FromSeconds(2);

    public static Task RunAsync(string siteDirectory, CancellationToken ct) =>
        RunAsync(siteDirectory, Launcher.OfThisProcess(), Roles(new SitePaths(siteDirectory)), ct);

    // A further agent is alone in its directory.
    private static string[] Roles(SitePaths paths) =>
        File.Exists(paths.AgentFile) ? [SiteRole.Agent] : [SiteRole.Agent, SiteRole.Controller];

    /// <param name="roles">What is started and kept running.</param>
    public static async Task RunAsync(
        string siteDirectory, Launcher launcher, IReadOnlyList<string> roles, CancellationToken ct)
    {
        var paths = new SitePaths(Path.GetFullPath(siteDirectory));
        var time = TimeProvider.System;
        using var logs = AgentLog.Create();
        using var pid = await PidFile.TakeAsync(paths, SiteRole.Watchdog, PredecessorLimit, time, ct)
            ?? throw new ProblemException(ReasonCode.Conflict, $"{paths.Root} has a watchdog already");
        using var page = HeartbeatPage.Open(paths.Heartbeat);
        using var hangs = new HangWatch(page, time, logs.CreateLogger<HangWatch>());
        var deadMan = new DeadMan(page, time, logs.CreateLogger<DeadMan>());
        List<Task> running = [deadMan.RunAsync([], ct)];
        foreach (var role in roles)
        {
            var supervisor = new Supervisor(role, paths, launcher, time, logs.CreateLogger<Supervisor>());
            running.Add(supervisor.RunAsync(ct));
        }
        await Task.WhenAll(running);
    }
}
