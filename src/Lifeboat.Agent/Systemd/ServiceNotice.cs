// SPDX-License-Identifier: Apache-2.0
using System.Globalization;
using Microsoft.Extensions.Hosting.Systemd;

namespace Lifeboat.Agent.Systemd;

/// <summary>
/// Tells systemd that a service is ready, lives, and ends (sd_notify(3)). The sign of life comes from a timer over the
/// pool that the service itself works on, so a process that hangs gives none. Not run by systemd: says nothing.
/// </summary>
public sealed class ServiceNotice(TimeProvider time)
{
    /// <summary>Set by our units: who brings processes of the site back that have died.</summary>
    public const string KeeperVariable = "LIFEBOAT_KEEPER";

    private static readonly TimeSpan LookEvery = TimeSpan.FromMilliseconds(50);
    private readonly SystemdNotifier _systemd = new();

    /// <summary>Whether this process, or the one that started it, is a service of one of our units.</summary>
    public static bool IsService => Environment.GetEnvironmentVariable(KeeperVariable) == "systemd";

    /// <summary>Runs until cancelled.</summary>
    /// <param name="isReady">Asked again and again until it says so.</param>
    public async Task RunAsync(Func<bool> isReady, CancellationToken ct)
    {
        if (!IsService || !_systemd.IsEnabled) return;
        while (!isReady())
        {
            if (await PauseAsync(LookEvery, ct)) return;
        }
        _systemd.Notify(ServiceState.Ready);
        var every = SignOfLife();
        while (!await PauseAsync(every ?? Timeout.InfiniteTimeSpan, ct))
            _systemd.Notify(new ServiceState("WATCHDOG=1"));
        _systemd.Notify(ServiceState.Stopping);
    }

    // A third of what systemd waits for: one that is late is no reason to be killed. Null: it waits for none.
    private static TimeSpan? SignOfLife() =>
        long.TryParse(Environment.GetEnvironmentVariable("WATCHDOG_USEC"), CultureInfo.InvariantCulture, out var limit)
        && limit > 0
            ? TimeSpan.FromMicroseconds(limit / 3.0)
            : null;

    private async Task<bool> PauseAsync(TimeSpan pause, CancellationToken ct)
    {
        await Task.Delay(pause, time, ct).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        return ct.IsCancellationRequested;
    }
}
