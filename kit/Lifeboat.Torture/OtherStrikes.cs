// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Contracts.Api;
using Lifeboat.Testing;
using Lifeboat.Testing.Oracle;

namespace Lifeboat.Torture;

/// <summary>Full disks, guests that boot, freezes: what comes less often than kills.</summary>
internal sealed class OtherStrikes(TortureField field, Prng prng)
{
    public const string Quiesce = "quiesced point";
    private static readonly TimeSpan BootLimit = TimeSpan.FromMinutes(3);
    private static readonly TimeSpan PointLimit = TimeSpan.FromSeconds(30);
    private int _points;

    public async Task FillDisksAsync(CancellationToken ct)
    {
        while (!ct.IsCancellationRequested)
        {
            var (pause, hold, source) = (prng.Next(2000, 9000), prng.Next(1000, 6000), prng.Chance(0.4));
            if (!await PauseAsync(pause, ct)) return;
            await FillAsync(source, TimeSpan.FromMilliseconds(hold), ct);
        }
    }

    /// <param name="source">The disk of a's outbox log; else that of b's replicas.</param>
    public async Task FillAsync(bool source, TimeSpan hold, CancellationToken ct)
    {
        var what = source ? "disk full a/outbox" : "disk full b/replicas";
        var strike = field.Strikes.Begin(StrikeFamily.Disk, what);
        var disk = source ? field.Pair.OutboxDisk! : field.Pair.ReplicaDisk!;
        try
        {
            await disk.FillAsync(CancellationToken.None);
            await PauseAsync((int)hold.TotalMilliseconds, ct);
        }
        finally
        {
            disk.Free();
            field.Strikes.End(strike);
        }
    }

    /// <summary>Returns when the guest writes again.</summary>
    public async Task RebootAsync(bool powerLoss, CancellationToken ct)
    {
        var strike = field.Strikes.Begin(StrikeFamily.Guest, powerLoss ? "guest power loss" : "guest reset");
        var runs = field.History.Runs(TortureOptions.Guest).Count;
        if (powerLoss) await field.LosePowerAsync(ct);
        else await field.ResetGuestAsync(ct);
        await field.History.WaitUntilAsync(h => h.Runs(TortureOptions.Guest) is { } now && now.Count > runs
            && now[^1].Acks.Count > 20, ct).WaitAsync(BootLimit, field.Time, ct);
        field.Strikes.End(strike);
    }

    public async Task QuiesceNowAndThenAsync(CancellationToken ct)
    {
        while (await PauseAsync(prng.Next(3000, 8000), ct)) await QuiesceAsync(ct);
    }

    /// <summary>The point, when it became one. In a storm it may well not.</summary>
    public async Task<Contracts.Agents.CheckpointResult?> QuiesceAsync(CancellationToken ct)
    {
        var strike = field.Strikes.Begin(StrikeFamily.Point, Quiesce);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(ct);
        limit.CancelAfter(PointLimit);
        try
        {
            var request = new CreatePointRequest(Quiesce: true, $"torture-{++_points}");
            var point = await field.SourceController.CreatePointAsync(TortureOptions.Group, request, limit.Token);
            field.Log.Write("point", $"{point.Point.Id} {point.Point.Consistency} frozen "
                + $"{point.Frozen?.TotalMilliseconds:0} ms, held {point.Held.TotalMilliseconds:0.0} ms");
            return point;
        }
        catch (Exception e) when (e is ProblemException or OperationCanceledException)
        {
            field.Log.Write("point", $"none: {e.Message} {(e as ProblemException)?.Detail}");
            return null;
        }
        finally
        {
            field.Strikes.End(strike);
        }
    }

    private async Task<bool> PauseAsync(int milliseconds, CancellationToken ct)
    {
        await Task.Delay(TimeSpan.FromMilliseconds(milliseconds), field.Time, ct)
            .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        return !ct.IsCancellationRequested;
    }
}
