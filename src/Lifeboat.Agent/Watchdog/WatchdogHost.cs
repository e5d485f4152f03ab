// SPDX-License-Identifier: Apache-2.0
using System.Net.Sockets;
using Lifeboat.Agent.Heartbeats;
using Lifeboat.Agent.Processes;
using Lifeboat.Agent.Systemd;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Sites;
using Lifeboat.Protection;
using Microsoft.Extensions.Logging;

namespace Lifeboat.Agent.Watchdog;

/// <summary>The watchdog of a site: keeps controller and agent running, kills a hung agent, thaws guests.</summary>
public static class WatchdogHost
{
    private static readonly TimeSpan PredecessorLimit = TimeSpan.FromSeconds(2);

    /// <param name="only">The one role to keep running, when the other is somebody else's; null: all there are.</param>
    public static Task RunAsync(string siteDirectory, string? only, CancellationToken ct) =>
        RunAsync(siteDirectory, Launcher.OfThisProcess(),
            only is null ? Roles(new SitePaths(siteDirectory)) : [only], ct);

    // A further agent is alone in its directory, and a further controller.
    private static string[] Roles(SitePaths paths) =>
        File.Exists(paths.AgentFile) ? [SiteRole.Agent]
        : File.Exists(paths.ControllerFile) ? [SiteRole.Controller] : [SiteRole.Agent, SiteRole.Controller];

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
        running.Add(new ServiceNotice(time).RunAsync(() => roles.All(r => Answers(paths, r)), ct));
        foreach (var role in roles)
        {
            var supervisor = new Supervisor(role, paths, launcher, time, logs.CreateLogger<Supervisor>());
            running.Add(supervisor.RunAsync(ct));
        }
        await Task.WhenAll(running);
    }

    private static bool Answers(SitePaths paths, string role)
    {
        if (PidFile.Find(paths, role) is null) return false;
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            socket.Connect(new UnixDomainSocketEndPoint(
                role == SiteRole.Agent ? paths.AgentSocket : paths.ControllerSocket));
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
