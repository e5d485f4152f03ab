// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Agent.Processes;
using Lifeboat.Contracts.Sites;

namespace Lifeboat.Agent.Watchdog;

/// <summary>Starting and stopping the processes of a site as a whole. Instances are not touched by either.</summary>
public static class SiteProcesses
{
    private static readonly TimeSpan Orderly = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan LookEvery = TimeSpan.FromMilliseconds(50);

    /// <summary>
    /// Starts the watchdog, which starts the rest, and those of further agents and controllers. One that runs is left
    /// alone.
    /// </summary>
    public static void StartWatchdog(string siteDirectory)
    {
        foreach (var paths in All(siteDirectory)) StartWatchdog(paths.Root, Launcher.OfThisProcess());
    }

    private static IEnumerable<SitePaths> All(string siteDirectory)
    {
        var site = new SitePaths(Path.GetFullPath(siteDirectory));
        return site.FurtherHosts().Select(site.OfHost).Concat(site.FurtherControllers().Select(site.OfController))
            .Prepend(site);
    }

    /// <summary>Whether the site has been started and not been stopped since.</summary>
    public static bool IsStarted(string siteDirectory)
    {
        var paths = new SitePaths(Path.GetFullPath(siteDirectory));
        return PidFile.Find(paths, SiteRole.Watchdog) is not null && !IsStopping(paths);
    }

    public static void StartWatchdog(string siteDirectory, Launcher launcher)
    {
        var paths = new SitePaths(Path.GetFullPath(siteDirectory));
        Directory.CreateDirectory(paths.Run);
        File.Delete(StopMark(paths));
        if (PidFile.Find(paths, SiteRole.Watchdog) is null) launcher.Start(paths, SiteRole.Watchdog);
    }

    /// <summary>
    /// Ends watchdog, controller and agent, in this order, then those of further agents and controllers; what does not
    /// end in time is killed.
    /// </summary>
    public static async Task StopAsync(string siteDirectory, TimeProvider time, CancellationToken ct)
    {
        foreach (var paths in All(siteDirectory)) await StopAsync(paths, time, ct);
    }

    /// <summary>
    /// Ends one role of this directory for whoever keeps the roles apart, as systemd does: the agent with its watchdog,
    /// or the controller.
    /// </summary>
    public static async Task StopOneAsync(string siteDirectory, string role, TimeProvider time, CancellationToken ct)
    {
        var paths = new SitePaths(Path.GetFullPath(siteDirectory));
        string[] roles = role == SiteRole.Agent ? [SiteRole.Watchdog, SiteRole.Agent] : [role];
        foreach (var each in roles)
            if (PidFile.Find(paths, each) is { } process) await EndAsync(process, time, ct);
    }

    private static async Task StopAsync(SitePaths paths, TimeProvider time, CancellationToken ct)
    {
        if (!Directory.Exists(paths.Run)) return;
        // The agent would bring the watchdog back.
        await File.WriteAllTextAsync(StopMark(paths), "", ct);
        foreach (var role in new[] { SiteRole.Watchdog, SiteRole.Controller, SiteRole.Agent })
            if (PidFile.Find(paths, role) is { } process) await EndAsync(process, time, ct);
    }

    internal static bool IsStopping(SitePaths paths) => File.Exists(StopMark(paths));

    private static async Task EndAsync(ProcessIdentity process, TimeProvider time, CancellationToken ct)
    {
        Signals.AskToEnd(process);
        var asked = time.GetTimestamp();
        while (process.IsAlive)
        {
            if (time.GetElapsedTime(asked) > Orderly) Signals.KillAtOnce(process);
            await Task.Delay(LookEvery, time, ct);
        }
    }

    private static string StopMark(SitePaths paths) => Path.Combine(paths.Run, "stopped");
}
