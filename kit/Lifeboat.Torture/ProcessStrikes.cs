// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Testing;
using Lifeboat.Testing.Field;

namespace Lifeboat.Torture;

/// <summary>kill -9, and SIGSTOP with SIGCONT, of any process of both sites every 0.2 to 2 s.</summary>
internal sealed class ProcessStrikes(TortureField field, Prng prng)
{
    private static readonly string[] Roles = ["agent", "agent", "controller", "watchdog"];
    private readonly List<Task> _hangs = [];

    public async Task RunAsync(CancellationToken ct)
    {
        while (!ct.IsCancellationRequested)
        {
            // Drawn in any case: what one strike finds does not shift the next one's choice.
            var pause = TimeSpan.FromMilliseconds(prng.Next(200, 2000));
            var site = prng.Chance(0.5) ? field.Pair.A : field.Pair.B;
            var (role, how, hang) = (prng.Pick(Roles), prng.NextDouble(), prng.Next(100, 3000));
            await PauseAsync(pause, ct);
            if (ct.IsCancellationRequested) break;
            if (how < 0.05) KillAll(site);
            else if (how < 0.1) _hangs.Add(BlindAsync(site, kill: hang % 2 == 0, TimeSpan.FromMilliseconds(hang)));
            else if (how < 0.75) Kill(site, role);
            else _hangs.Add(HangAsync(site, role, TimeSpan.FromMilliseconds(hang)));
        }
        await Task.WhenAll(_hangs);
    }

    private void Kill(FieldSite site, string role)
    {
        if (site.Kill(role)) field.Strikes.Note(StrikeFamily.Kill, $"KILL {site.Name}/{role}");
    }

    private void KillAll(FieldSite site)
    {
        var killed = Roles.Distinct().Count(site.Kill);
        if (killed > 0) field.Strikes.Note(StrikeFamily.Kill, $"KILL {site.Name}/all");
    }

    // The agent hangs just when its watchdog cannot see it.
    private async Task BlindAsync(FieldSite site, bool kill, TimeSpan length)
    {
        if (kill) Kill(site, "watchdog");
        var blind = kill ? Task.CompletedTask : HangAsync(site, "watchdog", length + TimeSpan.FromSeconds(2));
        await Task.Delay(length / 10, field.Time, CancellationToken.None);
        await HangAsync(site, "agent", length + TimeSpan.FromSeconds(1), " unwatched");
        await blind;
    }

    // Ends by itself also when the storm is over: nobody is left stopped.
    private async Task HangAsync(FieldSite site, string role, TimeSpan length, string how = "")
    {
        if (site.ProcessOf(role) is not { } pid || !FieldSite.SignalPid(pid, "STOP")) return;
        var strike = field.Strikes.Begin(StrikeFamily.Hang, $"STOP {site.Name}/{role}{how}");
        await Task.Delay(length, field.Time, CancellationToken.None);
        if (site.ProcessOf(role) == pid) FieldSite.SignalPid(pid, "CONT");
        field.Strikes.End(strike);
    }

    private async Task PauseAsync(TimeSpan pause, CancellationToken ct) =>
        await Task.Delay(pause, field.Time, ct).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
}
