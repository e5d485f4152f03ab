// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Qemu;
using Lifeboat.Sites.Qemu.Host;

namespace Lifeboat.Sites.Qemu.Instances;

/// <summary>
/// A QEMU process of ours: a child of nobody, in a session of its own, its output in a file. It outlives whoever
/// started it. `-daemonize` would do the same, but forks after the sandbox is up, which forbids that.
/// </summary>
internal static class QemuProcess
{
    private const string Detach = "log=$1; shift; exec setsid --fork \"$@\" </dev/null >>\"$log\" 2>&1";
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(25);
    private static readonly TimeSpan GraceForExec = TimeSpan.FromMilliseconds(500);

    public static HostProcess? Find(InstanceFolder folder) =>
        HostProcess.FindByArgument(folder.PidFile, folder.PidFile);

    /// <summary>Returns once its monitor answers; a process that is there already is only waited for.</summary>
    /// <exception cref="SiteException">Refused with QEMU's own words, Timeout.</exception>
    public static async Task<HostProcess> LaunchAsync(InstanceFolder folder, IEnumerable<string> command,
        QemuSiteOptions options, TimeProvider time, CancellationToken ct)
    {
        var logged = new FileInfo(folder.Log) is { Exists: true } had ? had.Length : 0;
        if (Find(folder) is null)
        {
            foreach (var stale in new[] { folder.Qmp, folder.SiteQmp, folder.GuestAgent }) File.Delete(stale);
            (await Tool.RunAsync("sh", ["-c", Detach, "sh", folder.Log, .. command], ct)).OrThrow("starting QEMU");
        }

        var start = time.GetTimestamp();
        while (true)
        {
            if (File.Exists(folder.SiteQmp) && await AnswersAsync(folder, time, ct) is { } up) return up;
            var waited = time.GetElapsedTime(start);
            if (waited > GraceForExec && Find(folder) is null)
                throw new SiteException(SiteFault.Refused,
                    $"QEMU did not start: {await LoggedSinceAsync(folder, logged, ct)} (all of it in {folder.Log})");
            if (waited > options.StartLimit)
                throw new SiteException(SiteFault.Timeout, $"QEMU did not answer on {folder.SiteQmp} within "
                    + $"{options.StartLimit.TotalSeconds:0} s; see {folder.Log}");
            await Task.Delay(Look, time, ct);
        }
    }

    private static async Task<HostProcess?> AnswersAsync(InstanceFolder folder, TimeProvider time, CancellationToken ct)
    {
        try
        {
            await using var qmp = await QmpClient.ConnectAsync(folder.SiteQmp, QmpOptions.Default, time, ct);
            return HostProcess.Find(qmp.ProcessId);
        }
        catch (QmpException e) when (e.Fault is QmpFault.Unreachable or QmpFault.Closed)
        {
            return null;
        }
    }

    private static async Task<string> LoggedSinceAsync(InstanceFolder folder, long offset, CancellationToken ct)
    {
        await using var log = File.Open(folder.Log, FileMode.OpenOrCreate, FileAccess.Read, FileShare.ReadWrite);
        log.Position = Math.Min(offset, log.Length);
        using var reader = new StreamReader(log);
        var text = (await reader.ReadToEndAsync(ct)).Trim();
        return text.Length == 0 ? "it said nothing" : text.Replace('\n', ' ');
    }
}
