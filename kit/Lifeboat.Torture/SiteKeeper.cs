// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Testing.Field;

namespace Lifeboat.Torture;

/// <summary>
/// The host's init: agent and watchdog bring each other back, but when a strike got both within a moment, only the
/// host can (systemd's `Restart=always`). It does so after two seconds, with `site start`.
/// </summary>
internal sealed class SiteKeeper(TortureField field)
{
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan StartLimit = TimeSpan.FromMinutes(1);

    public Task RunAsync(CancellationToken ct) =>
        Task.WhenAll(KeepAsync(field.Pair.A, ct), KeepAsync(field.Pair.B, ct));

    private async Task KeepAsync(FieldSite site, CancellationToken ct)
    {
        var seen = field.Time.GetTimestamp();
        var starting = new List<Task>();
        while (!ct.IsCancellationRequested)
        {
            if (site.ProcessOf("watchdog") is not null || site.ProcessOf("agent") is not null)
                seen = field.Time.GetTimestamp();
            else if (field.Time.GetElapsedTime(seen) > Patience)
            {
                field.Strikes.Note(StrikeFamily.Init, $"init started {site.Name}");
                // Not waited for: what it has started may be killed before it answers.
                starting.RemoveAll(s => s.IsCompleted);
                starting.Add(StartAsync(site, ct));
                seen = field.Time.GetTimestamp();
            }
            await Task.Delay(Look, field.Time, ct).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
        await Task.WhenAll(starting);
    }

    // It returns when controller and agent answer, which strikes may put off; the watchdog is there long before.
    private async Task StartAsync(FieldSite site, CancellationToken ct)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(ct);
        limit.CancelAfter(StartLimit);
        try
        {
            var answer = await site.RunAsync(["site", "start"], limit.Token);
            if (answer.ExitCode != 0) field.Log.Write("init", $"{site.Name}: {answer.ExitCode} {answer.Talk.Trim()}");
        }
        catch (OperationCanceledException)
        {
            field.Log.Write("init", $"{site.Name}: no answer in time");
        }
    }
}
