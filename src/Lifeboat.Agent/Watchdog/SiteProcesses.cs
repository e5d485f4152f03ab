// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Agent.Processes;
using Lifeboat.Contracts.Sites;

namespace Lifeboat.Agent.Watchdog;

/// <summary>Starting and stopping the processes of a site as a whole. Instances are not touched by either.</summary>
public static class SiteProcesses
{
    private static readonly TimeSpan Orderly = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan LookEvery = TimeSpan.FromMilliseconds(50);

    /// <summary>Starts the watchdog, which starts the rest. One that runs is left alone.</summary>
    public static void StartWatchdog(string siteDirectory) =>
        StartWatchdog(siteDirectory, Launcher.OfThisProcess());

    public static void StartWatchdog(string siteDirectory, Launcher launcher)
    {
        var paths = new SitePaths(Path.GetFullPath(siteDirectory));
        Directory.CreateDirectory(paths.Run);
        File.Delete(StopMark(paths));
        if (PidFile.Find(paths, SiteRole.Watchdog) is null) launcher.Start(paths, SiteRole.Watchdog);
    }

    /// <summary>Ends watchdog, controller and agent, in this order; what does not end in time is killed.</summary>
    public static async Task StopAsync(string siteDirectory, TimeProvider time, CancellationToken ct)
    {
        var paths = new SitePaths(Path.GetFullPath(siteDirectory));
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
