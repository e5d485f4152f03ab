// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Controller.Leases;
using Lifeboat.Controller.Metrics;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Lifeboat.Controller.Watching;

/// <summary>Looks at the site every five seconds and tells all who draw conclusions from it.</summary>
internal sealed partial class SiteWatch(SiteObserver observer, IEnumerable<IWatcher> watchers, ILeases leases,
    SiteMetrics metrics, TimeProvider time, ILogger<SiteWatch> logger) : BackgroundService
{
    public static readonly TimeSpan Period = TimeSpan.FromSeconds(5);

    /// <summary>Two looks that are further apart than this have nothing to say of the time between them.</summary>
    public static readonly TimeSpan GapLimit = TimeSpan.FromSeconds(30);

    private readonly IReadOnlyList<IWatcher> _watchers = [.. watchers];
    private string? _failure;
    private bool _held;

    /// <summary>The newest; null: there was none yet.</summary>
    public Observation? Newest { get; private set; }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Period, time);
        do await LookAsync(stoppingToken);
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    // The top of a loop: what goes wrong is said once and looked at again in the next round. One conclusion that
    // cannot be drawn does not hold up the others.
    private async Task LookAsync(CancellationToken ct)
    {
        string? failure = null;
        var began = time.GetTimestamp();
        try
        {
            var holds = leases.TryHold(LeaseName.Site("watch"));
            // What ended while another controller watched is news to those who draw conclusions here from now on.
            if (holds && !_held) observer.Forget();
            _held = holds;
            var seen = await observer.LookAsync(ct);
            foreach (var watcher in _watchers.Where(w => holds || !w.IsAlone))
                failure = await TellAsync(watcher, seen, ct) ?? failure;
            if (failure is not null) observer.TellAgain(seen);
            Newest = seen;
        }
        catch (OperationCanceledException) when (ct.IsCancellationRequested)
        {
            throw;
        }
        catch (Exception e)
        {
            failure = Say(e, nameof(SiteObserver));
        }
        _failure = failure;
        metrics.Looked("look", time.GetElapsedTime(began));
    }

    private async Task<string?> TellAsync(IWatcher watcher, Observation seen, CancellationToken ct)
    {
        try
        {
            await watcher.SeeAsync(seen, ct);
            return null;
        }
        catch (OperationCanceledException) when (ct.IsCancellationRequested)
        {
            throw;
        }
        catch (Exception e)
        {
            return Say(e, watcher.GetType().Name);
        }
    }

    private string Say(Exception e, string who)
    {
        if (_failure != who + e.Message) LogLookFailed(e, who);
        return who + e.Message;
    }

    [LoggerMessage(EventIds.LookFailed, LogLevel.Error, "{Who} could not make anything of the state of the site")]
    private partial void LogLookFailed(Exception cause, string who);
}
