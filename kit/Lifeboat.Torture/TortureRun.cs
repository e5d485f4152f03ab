// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Agents;
using Lifeboat.Protection;
using Lifeboat.Protection.RecoveryPoints;
using Lifeboat.Testing;
using Lifeboat.Testing.Field;
using Lifeboat.Testing.Oracle;

namespace Lifeboat.Torture;

// storm: strikes of every kind at once          calm: all faults over; whole again by itself within three minutes,
//   kills, hangs, line, disk, guest, freezes  ──►  a fresh sealed point, proved; a quiet moment as the baseline;
//   proofs meanwhile                          ◄──  stalls, holes and guest errors looked through
internal sealed partial class TortureRun(TortureField field)
{
    private static readonly TimeSpan Quiet = TimeSpan.FromSeconds(3);
    private readonly Prng _prng = new(field.Options.Seed);
    private readonly TortureLog _log = field.Log;
    private readonly StallWatch _stalls = new(field);
    private readonly SourceWatch _source = new(field);
    private readonly PointProver _prover = new(field, new Prng(field.Options.Seed ^ 0xB0A7));
    private readonly HistoryCheck _history = new(field);

    /// <returns>The exit code: 0 only if everything held.</returns>
    public static async Task<int> RunAsync(TortureOptions options, CancellationToken ct)
    {
        if (Directory.Exists(options.Directory)) await ClearAsync(options.Directory);
        Directory.CreateDirectory(options.Directory);
        using var log = new TortureLog(Path.Combine(options.Directory, "torture.log"), TimeProvider.System);
        log.Say($"{options.Scenario}, seed {options.Seed}, {options.Duration.TotalMinutes:0.#} min; log: {log.Path}");
        try
        {
            if (options.Scenario is Scenario.Controllers) return await ControllersRun.RunAsync(options, log, ct);
            if (options.Scenario is Scenario.Upgrade) return await UpgradeRun.RunAsync(options, log, ct);
            await using var field = await TortureField.SetUpAsync(options, log, ct);
            await new TortureRun(field).RunAsync(ct);
        }
        catch (Exception e) when (e is FieldException or OracleException or OperationCanceledException
            or TimeoutException)
        {
            log.Violation($"it was not carried to its end: {e.Message}");
        }
        if (log.Violations.Count == 0)
        {
            if (options.Short) Directory.Delete(options.Directory, recursive: true);
            return 0;
        }
        Console.WriteLine($"what is left to look at: {options.Directory}");
        return 1;
    }

    private async Task RunAsync(CancellationToken ct)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(ct);
        var keeping = new SiteKeeper(field).RunAsync(stop.Token);
        var watching = _source.RunAsync(stop.Token);
        try
        {
            await CalmAsync(ct);
            switch (field.Options.Scenario)
            {
                case Scenario.Storm: await StormsAsync(ct); break;
                case Scenario.Link: await DegradeLinkAsync(ct); break;
                case Scenario.Smoke: await SmokeAsync(ct); break;
            }
        }
        finally
        {
            await stop.CancelAsync();
            await Task.WhenAll(keeping, watching);
            _stalls.CatchUp();
            new Summary(field, _prover, _stalls, _history).Print();
        }
    }

    /// <summary>No strike any more: it must be whole again by itself, with a fresh point that holds.</summary>
    private async Task CalmAsync(CancellationToken ct)
    {
        var start = field.Time.GetUtcNow();
        var status = await UntilWholeAsync(start, ct);
        if (status is null) throw new FieldException("replication did not come back by itself");
        _log.Say($"whole again after {(field.Time.GetUtcNow() - start).TotalSeconds:0.0} s, "
            + $"{status.LastResync} moved {status.ResyncMovedBytes >> 10} KiB");
        var points = await _prover.PointsAsync(ct);
        await MustHoldAsync(points[^1], ct);
        await Task.Delay(Quiet, field.Time, ct);
        Inspect(await _prover.PointsAsync(ct));
        await MustBeFreeOfErrorsAsync(ct);
    }

    private void Inspect(IReadOnlyList<RecoveryPoint> points)
    {
        _stalls.CatchUp();
        _stalls.MustWrite();
        _history.Look(points, _source);
    }

    private async Task MustHoldAsync(RecoveryPoint point, CancellationToken ct)
    {
        if (!await _prover.ProveAsync(point, ct) && !field.Options.KeepGoing)
            throw new FieldException("a proof failed; what it looked at is kept");
    }

    private async Task<SourceStatus?> UntilWholeAsync(DateTimeOffset since, CancellationToken ct)
    {
        var start = field.Time.GetTimestamp();
        while (true)
        {
            var status = await _source.LookAsync(ct);
            if (!field.Vm.Running)
            {
                _log.Violation($"the guest's QEMU ended by itself, {field.Vm.Ending()}: {field.Vm.Complaints()}");
                return null;
            }
            if (status is { Phase: SourcePhase.Streaming, Reason: ReasonCode.None }
                && status.LastSealed?.CutAt > since) return status;
            if (field.Time.GetElapsedTime(start) > TortureOptions.HealLimit)
            {
                _log.Violation($"not whole {TortureOptions.HealLimit.TotalSeconds:0} s after the last strike: "
                    + (status is null ? "a's agent does not answer"
                        : $"{status.Phase} {status.Reason} {status.Detail}, "
                        + $"last point {status.LastSealed?.CutAt:O}, outbox {status.OutboxBytes}"));
                return null;
            }
            await Task.Delay(TimeSpan.FromMilliseconds(250), field.Time, ct);
        }
    }

    private async Task MustBeFreeOfErrorsAsync(CancellationToken ct)
    {
        foreach (var complaint in field.History.Complaints(TortureOptions.Guest))
            _log.Violation($"the guest found its disks wrong: {complaint}");
        foreach (var line in field.Vm.Console().Split('\n').Where(IsDiskError).Take(3))
            _log.Violation($"the guest saw: {line.Trim()}");
        var blocks = await field.Vm.AskMonitorAsync("query-block", null, ct);
        foreach (var block in blocks.EnumerateArray())
            if (block.TryGetProperty("io-status", out var io) && io.GetString() != "ok")
                _log.Violation($"QEMU says of {block.GetProperty("qdev")}: {io}");
    }

    private static bool IsDiskError(string line) =>
        line.Contains("I/O error", StringComparison.OrdinalIgnoreCase)
        || line.Contains("EXT4-fs error", StringComparison.Ordinal)
        || line.Contains("XFS", StringComparison.Ordinal)
            && line.Contains("corrupt", StringComparison.OrdinalIgnoreCase);

    /// <summary>What an earlier run left: its processes are over, its mounts may not be.</summary>
    private static async Task ClearAsync(string directory)
    {
        foreach (var site in (string[])["a", "b"])
            await new FieldSite(site, Path.Combine(directory, site)).DisposeAsync();
        foreach (var mount in (string[])["b/replicas", "a/agent/outbox"])
            await HostCommand.RunAsync("umount", ["-l", Path.Combine(directory, mount)], CancellationToken.None);
        Directory.Delete(directory, recursive: true);
    }
}
