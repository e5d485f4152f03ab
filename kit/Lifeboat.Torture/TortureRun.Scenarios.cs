// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection.RecoveryPoints;
using Lifeboat.Testing;
using Lifeboat.Testing.Field;

namespace Lifeboat.Torture;

internal sealed partial class TortureRun
{
    private async Task StormsAsync(CancellationToken ct)
    {
        var start = field.Time.GetTimestamp();
        for (var round = 1; field.Time.GetElapsedTime(start) < field.Options.Duration; round++)
        {
            await StormAsync(TimeSpan.FromSeconds(_prng.Next(12, 30)), _prng.Fork(), ct);
            _log.Say($"storm {round} is over: {field.Strikes.Count(StrikeFamily.Kill)} kills, "
                + $"{field.Strikes.Count(StrikeFamily.Hang)} hangs, {field.Strikes.Count(StrikeFamily.Link)} link "
                + $"faults, {field.Strikes.Count(StrikeFamily.Disk)} full disks; {_prover.Passed} proofs");
            await CalmAsync(ct);
            if (_prng.Chance(0.3)) await QuiescedPointMustHoldAsync(_prng.Fork(), ct);
            if (_log.Violations.Count > 0 && !field.Options.KeepGoing) return;
        }
    }

    private async Task StormAsync(TimeSpan length, Prng prng, CancellationToken ct)
    {
        using var over = CancellationTokenSource.CreateLinkedTokenSource(ct);
        over.CancelAfter(length);
        var others = new OtherStrikes(field, prng.Fork());
        List<Task> running =
        [
            new ProcessStrikes(field, prng.Fork()).RunAsync(over.Token),
            new LinkStrikes(field, prng.Fork()).RunAsync(over.Token),
        ];
        if (prng.Chance(0.7)) running.Add(others.FillDisksAsync(over.Token));
        if (prng.Chance(0.3)) running.Add(others.QuiesceNowAndThenAsync(over.Token));
        if (prng.Chance(0.3)) running.Add(RebootWithinAsync(prng.Chance(0.3), prng.Next(1000, 10000)));
        var proving = _prover.RunAsync(over.Token, ct);
        await Task.WhenAll(running);
        ct.ThrowIfCancellationRequested();
        await proving;

        async Task RebootWithinAsync(bool powerLoss, int wait)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(wait), field.Time, ct);
            await others.RebootAsync(powerLoss, ct);   // also past the storm: it takes as long as it takes
        }
    }

    private async Task QuiescedPointMustHoldAsync(Prng prng, CancellationToken ct)
    {
        var point = await new OtherStrikes(field, prng).QuiesceAsync(ct);
        if (point is { Sealed: true, Point.Consistency: Consistency.Application })
        {
            await MustHoldAsync(point.Point, ct);
            return;
        }
        _log.Violation($"no application-consistent point although nothing is wrong: {point?.Point}");
    }

    /// <summary>
    /// The line is cut, then thin, then flaps, then is good again, and the guest writes more than it takes. The last
    /// point from before and every one after must hold.
    /// </summary>
    private async Task DegradeLinkAsync(CancellationToken ct)
    {
        var before = (await _prover.PointsAsync(ct))[^1];
        // It must outlive its retention until it is proved.
        await field.RecoveryController.PinAsync(TortureOptions.Group, before.Id, "torture", ct);
        var line = new LinkStrikes(field, _prng.Fork());
        var share = field.Options.Duration.TotalSeconds / 3;
        await line.CutAsync(TimeSpan.FromSeconds(Math.Min(share, 30)), ct);
        await line.CapAsync(TimeSpan.FromSeconds(share), ct);
        await line.FlapAsync(TimeSpan.FromSeconds(share), ct);
        _log.Say("the line is good again");
        await CalmAsync(ct);
        var points = await _prover.PointsAsync(ct);
        await MustHoldAsync(before, ct);
        await field.RecoveryController.UnpinAsync(TortureOptions.Group, before.Id, "torture", ct);
        var after = points.Where(p => p.Sequence > before.Sequence).ToList();
        _log.Say($"the point from before holds; {after.Count} came after it");
        foreach (var point in after) await MustHoldAsync(point, ct);
        _log.Say("so do they");
    }

    private async Task SmokeAsync(CancellationToken ct)
    {
        var line = new LinkStrikes(field, _prng.Fork());
        var others = new OtherStrikes(field, _prng.Fork());
        await line.CutAsync(TimeSpan.FromSeconds(1), ct);
        await line.CapAsync(TimeSpan.FromSeconds(2), ct);
        await line.FlapAsync(TimeSpan.FromSeconds(2), ct);
        await others.FillAsync(source: false, TimeSpan.FromSeconds(1), ct);
        await CalmAsync(ct);
        using var over = CancellationTokenSource.CreateLinkedTokenSource(ct);
        over.CancelAfter(TimeSpan.FromSeconds(8));
        await new ProcessStrikes(field, _prng.Fork()).RunAsync(over.Token);
        await CalmAsync(ct);
    }
}
