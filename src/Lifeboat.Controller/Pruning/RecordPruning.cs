// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Contracts.Sites;
using Lifeboat.Controller.Alerts;
using Lifeboat.Controller.FollowUps;
using Lifeboat.Controller.Leases;
using Lifeboat.Controller.Runs;
using Lifeboat.Controller.ServiceLevels;
using Lifeboat.Controller.Storage;
using Lifeboat.Controller.Usage;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Lifeboat.Controller.Pruning;

// Removes what the site need not remember any more. One controller of the site does it, some hundred rows at a time
// with a pause in between, so that nobody who writes waits for it long. What a row needs to stay, its store knows: it
// is looked at in the very statement that removes it.
internal sealed partial class RecordPruning(RunStore runs, SitePaths paths, SiteEventStore events,
    AlertStore alerts, AlertDeliveries deliveries, FollowUpStore followUps, OperationStore operations,
    RequestKeyStore keys, TokenStore tokens, EvacuationStore evacuations,
    LevelLedger levels, UsageLedger usage, ILeases leases,
    RecordRetention keep, TimeProvider time, ILogger<RecordPruning> logger) : BackgroundService
{
    private const int Batch = 500;
    private static readonly TimeSpan Every = TimeSpan.FromMinutes(10);
    // A lease that is not asked for is given back.
    private static readonly TimeSpan Ask = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan Pairing = TimeSpan.FromDays(7);

    /// <summary>One round over everything.</summary>
    /// <returns>How many of each were removed; of what nothing was, it is not in it.</returns>
    internal async Task<IReadOnlyDictionary<string, long>> PruneAsync(CancellationToken ct)
    {
        var removed = new Dictionary<string, long>(StringComparer.Ordinal);
        foreach (var (what, remove) in Kinds(time.GetUtcNow()))
        {
            for (var more = true; more && Holds();)
            {
                var some = remove(Batch);
                if (some > 0) removed[what] = removed.GetValueOrDefault(what) + some;
                more = some >= Batch;
                if (more) await Task.Delay(Pause, time, ct);
            }
        }
        return removed;
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Ask, time);
        long? last = null;
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            if (!Holds() || last is { } before && time.GetElapsedTime(before) < Every) continue;
            last = time.GetTimestamp();
            await TryAsync(stoppingToken);
        }
    }

    private bool Holds() => leases.TryHold(LeaseName.Site("retention"));

    // The top of a loop: what was not removed is removed in the next round.
    private async Task TryAsync(CancellationToken ct)
    {
        try
        {
            var removed = await PruneAsync(ct);
            if (removed.Count > 0) LogPruned(string.Join(", ", removed.Select(r => $"{r.Value} {r.Key}")));
        }
        catch (Exception e) when (e is not OperationCanceledException || !ct.IsCancellationRequested)
        {
            LogNotPruned(e);
        }
    }

    // Reports follow their runs: one of a run that is not kept any more is an orphan.
    private IEnumerable<(string What, Func<int, int> Remove)> Kinds(DateTimeOffset now)
    {
        DateTimeOffset Before(int days) => now - TimeSpan.FromDays(days);
        yield return ("runs", most => runs.Prune(Before(keep.RunDays), most));
        yield return ("reports", most => ReportFiles.Prune(paths, Before(keep.RunDays), most, runs.Missing));
        yield return ("evacuations", most => evacuations.Prune(Before(keep.RunDays), most));
        yield return ("step durations", runs.PruneDurations);
        yield return ("events", most => events.Prune(Before(keep.EventDays), keep.EventsMost, most));
        yield return ("alerts", most => alerts.Prune(Before(keep.AlertDays), most));
        yield return ("alert deliveries", most => deliveries.Prune(Before(keep.DeliveryDays), most));
        yield return ("follow-ups", most => followUps.Prune(Before(keep.FollowUpDays), most));
        yield return ("operations", most => operations.Prune(Before(keep.OperationDays), most));
        yield return ("idempotency keys", most => keys.Prune(now - TimeSpan.FromHours(keep.KeyHours), most));
        yield return ("pairing tokens", most => tokens.Prune(now - Pairing, most));
        yield return ("service levels", most => levels.Prune(Before(keep.UsageDays), most));
        yield return ("usage", most => usage.Prune(Before(keep.UsageDays), most));
    }

    [LoggerMessage(EventIds.RecordsPruned, LogLevel.Information, "Kept long enough and removed: {Removed}")]
    private partial void LogPruned(string removed);

    [LoggerMessage(EventIds.PruningFailed, LogLevel.Error, "What was kept long enough could not be removed")]
    private partial void LogNotPruned(Exception cause);
}
