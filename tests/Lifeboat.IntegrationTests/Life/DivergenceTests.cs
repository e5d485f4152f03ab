// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Api;
using Lifeboat.Protection.Groups;
using Lifeboat.Protection.Plans;
using Lifeboat.Protection.RecoveryPoints;
using Lifeboat.Testing.Field;
using Lifeboat.Testing.Oracle;

namespace Lifeboat.IntegrationTests.Life;

/// <summary>
/// The sites lose each other, the recovery site takes over, both guests write on, the sites meet again: each choice
/// does what it says, moves little more than what both sides changed, and what gave way can still be booted.
/// </summary>
[Collection(LifeCollection.Name)]
public sealed class DivergenceTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(4);

    [Fact]
    public Task Both_sides_write_and_one_goes_on_without_losing_the_other() => WithPairAsync(KeepPrimaryAsync);

    [Fact]
    public Task Both_sides_write_and_the_other_choices_do_what_they_say() => WithPairAsync(async (pair, vm, ct) =>
    {
        await NewestAsync(pair, vm, ct);
        await BothAsVolumesAsync(pair, vm, ct);
        await KeepRecoveryAsync(pair, vm, ct);
    });

    private static async Task WithPairAsync(Func<FieldPair, OracleVm, CancellationToken, Task> story)
    {
        var ct = TestContext.Current.CancellationToken;
        await using var pair = await FieldPair.StartAsync(ct);
        await using var vm = await pair.StartGuestAsync("shop1", OracleWorkload.Default with { LoadWriters = 1 },
            OracleBus.VirtioBlk, [(64L << 20, OracleFileSystem.Ext4), (32L << 20, OracleFileSystem.Raw)], ct);
        await pair.ProtectAsync(vm, ["--checkpoint-interval", "500ms"], ct);
        await story(pair, vm, ct);
        Assert.Empty(pair.Witness.History.Complaints(vm.Options.Name));
    }

    // Site a goes on; what b's guest wrote is a point at b, whole to its last acknowledged record, and boots.
    private static async Task KeepPrimaryAsync(FieldPair pair, OracleVm vm, CancellationToken ct)
    {
        var (home, away) = await DivergeAsync(pair, pair.A, pair.B, vm, ct);
        var info = await pair.B.AskAsync<DivergenceInfo>(["group", "divergence", FieldPair.Group], ct);
        Assert.True(info.Sides.Select(s => s.From).SequenceEqual([ChangesFrom.ChangeMap, ChangesFrom.Comparison]),
            string.Join('\n', info.Sides));
        Assert.All(info.Sides, s => Assert.True(s is { Bytes: > 0, Extents: > 0, Runs: true }, $"{s}"));
        var fork = await ForkAsync(pair, pair.B, "keep", ct);

        await ResolveAsync(pair.B, "manual", ct);
        var left = await pair.UntilAsync(pair.A, g => g.Definition.Fork?.AcknowledgedAt is not null, Limit, ct);
        Assert.Equal(GroupState.Diverged, left.State);
        await AcksAsync(pair, vm, home, 10, ct);
        await AcksAsync(pair, vm, away, 10, ct);

        var (run, kept) = await ResolveAsync(pair.B, "primary", ct);
        await pair.UntilProtectedAsync(pair.A, Limit, ct);
        await AcksAsync(pair, vm, home, 10, ct);
        var lost = await ProveKeptAsync(pair, pair.B, kept!.Value, vm, away, ct);
        await MovedLittleAsync(pair, pair.B, pair.B, run, fork, lost, "keep-primary", ct);
        await BootsAsync(pair.B, kept.Value, ct);

        await pair.B.MustAsync(["point", "unpin", FieldPair.Group, $"{kept}", $"fork-{info.Fork.Began}"], ct);
        var points = await pair.B.AskAsync<List<RecoveryPoint>>(["point", "list", FieldPair.Group], ct);
        Assert.DoesNotContain(points, p => p.Id == kept);
    }

    // Site a's guest ends first, so b wrote last: b goes on, and a's state is kept at a.
    private static async Task NewestAsync(FieldPair pair, OracleVm vm, CancellationToken ct)
    {
        var runs = await DivergeAsync(pair, pair.A, pair.B, vm, ct);
        var fork = await ForkAsync(pair, pair.B, "newest", ct);
        await pair.A.MustAsync(["instance", "stop", vm.Options.Name], ct);
        await Task.Delay(TimeSpan.FromSeconds(5), pair.Time, ct);
        await AcksAsync(pair, vm, runs.Away, 5, ct);
        var (run, kept, _) = await TakingGoesOnAsync(pair, (pair.A, pair.B), vm, runs, fork, "newest", ct);
        Assert.Contains(run.Steps.Single(s => s.Name == "check-winner").Evidence,
            e => e.StartsWith("newest: b wrote last", StringComparison.Ordinal));
        await BootsAsync(pair.A, kept, ct);
    }

    // The other way round: a takes over from b and goes on, and b's state is there as volumes.
    private static async Task BothAsVolumesAsync(FieldPair pair, OracleVm vm, CancellationToken ct)
    {
        var runs = await DivergeAsync(pair, pair.B, pair.A, vm, ct);
        var fork = await ForkAsync(pair, pair.A, "both", ct);
        var (run, kept, images) =
            await TakingGoesOnAsync(pair, (pair.B, pair.A), vm, runs, fork, "both-as-volumes", ct);
        var uris = run.Steps.Single(s => s.Name == "open-kept").Evidence
            .Where(e => e.Contains("nbd+unix", StringComparison.Ordinal))
            .Select(e => e[e.IndexOf("nbd+", StringComparison.Ordinal)..]);
        foreach (var (uri, image) in uris.Zip(images))
            await HostCommand.MustAsync("qemu-img", ["compare", "-f", "raw", "-F", "raw", uri, image], ct);
        await BootsAsync(pair.B, kept, ct);
    }

    // And once more: whoever took over goes on.
    private static async Task KeepRecoveryAsync(FieldPair pair, OracleVm vm, CancellationToken ct)
    {
        var runs = await DivergeAsync(pair, pair.A, pair.B, vm, ct);
        var fork = await ForkAsync(pair, pair.B, "recovery", ct);
        var (_, kept, _) = await TakingGoesOnAsync(pair, (pair.A, pair.B), vm, runs, fork, "recovery", ct);
        // What gave way at a the first time is there too: the roles have turned twice since.
        var points = await pair.A.AskAsync<List<RecoveryPoint>>(["point", "list", FieldPair.Group], ct);
        Assert.Equal(2, points.Count(p => p.IsOrigin));
        await BootsAsync(pair.A, kept, ct);
    }

    // The site that took over goes on, little is moved, and all that the one that was left had is kept there.
    private static async Task<(RunInfo Run, Guid Kept, string[] Images)> TakingGoesOnAsync(FieldPair pair,
        (FieldSite Left, FieldSite Taking) sites, OracleVm vm, (ulong Home, ulong Away) runs, string[] fork,
        string choice, CancellationToken ct)
    {
        var (run, kept) = await ResolveAsync(sites.Taking, choice, ct);
        var group = await pair.UntilProtectedAsync(sites.Taking, Limit, ct);
        Assert.Equal(sites.Taking.Name, group.Definition.PrimarySite);
        await AcksAsync(pair, vm, runs.Away, 10, ct);
        var images = await ProveKeptAsync(pair, sites.Left, kept!.Value, vm, runs.Home, ct);
        await MovedLittleAsync(pair, sites.Taking, sites.Left, run, fork, images, choice, ct);
        return (run, kept.Value, images);
    }

    /// <summary>The disks of the last point that both sides have in common, at the site that took over.</summary>
    private static async Task<string[]> ForkAsync(FieldPair pair, FieldSite taking, string name, CancellationToken ct)
    {
        var info = await taking.AskAsync<DivergenceInfo>(["group", "divergence", FieldPair.Group], ct);
        return await ExportAsync(pair, taking, info.Fork.PointId, $"fork-{name}", ct);
    }

    private static async Task MovedLittleAsync(FieldPair pair, FieldSite at, FieldSite loser, RunInfo run,
        string[] fork, string[] lost, string choice, CancellationToken ct)
    {
        var report = await at.AskAsync<RunReport>(["report", "get", $"{run.Id}"], ct);
        var moved = report.Read().Resyncs.Sum(r => r.MovedBytes);
        var won = await ExportAsync(pair, loser, SealedBy(run), $"won-{choice}", ct);
        var union = DifferingBytes(fork, won, lost);
        TestContext.Current.SendDiagnosticMessage(
            $"{choice}: moved {moved} of a union of {union} bytes, {(double)moved / union:F2}");
        Assert.True(moved <= 1.2 * union, $"{choice}: {moved} bytes moved, both sides changed {union}");
    }

    private static async Task BootsAsync(FieldSite site, Guid kept, CancellationToken ct)
    {
        var drill = await site.AskAsync<RunInfo>(["drill", FieldPair.Group, "--point", $"{kept}"], ct);
        Assert.True(drill.State is RunState.Succeeded, $"{drill.State} {drill.Detail}");
    }

    /// <returns>The guest's runs at the site that is left and at the one that takes over.</returns>
    private static async Task<(ulong Home, ulong Away)> DivergeAsync(FieldPair pair, FieldSite left, FieldSite taking,
        OracleVm vm, CancellationToken ct)
    {
        await pair.UntilProtectedAsync(taking, Limit, ct);
        var history = pair.Witness.History;
        var home = history.Latest(vm.Options.Name)!.Run;
        var known = history.Runs(vm.Options.Name).Select(r => r.Run).ToHashSet();
        await using (await FieldPartition.BetweenAsync(pair, ct))
        {
            var failover = await taking.AskAsync<RunInfo>(["failover", FieldPair.Group, "--source-is-dead"], ct);
            Assert.True(failover.State is RunState.Succeeded, $"{failover.State} {failover.Detail}");
            await history.WaitUntilAsync(h => h.Runs(vm.Options.Name).Any(r => !known.Contains(r.Run)), ct)
                .WaitAsync(Limit, ct);
            var away = history.Runs(vm.Options.Name).First(r => !known.Contains(r.Run)).Run;
            await AcksAsync(pair, vm, home, 20, ct);
            await AcksAsync(pair, vm, away, 20, ct);
            known.Add(away);
        }
        await pair.UntilAsync(taking, g => g.State is GroupState.Diverged, Limit, ct);
        await pair.UntilAsync(left, g => g.State is GroupState.Diverged, Limit, ct);
        return (home, history.Runs(vm.Options.Name).Select(r => r.Run).Last(r => r != home && known.Contains(r)));
    }

    private static async Task<(RunInfo Run, Guid? Kept)> ResolveAsync(FieldSite at, string keep, CancellationToken ct)
    {
        var run = await at.AskAsync<RunInfo>(["group", "resolve", FieldPair.Group, "--keep", keep], ct);
        Assert.True(run.State is RunState.Succeeded, $"{keep}: {run.State} {run.Reason} {run.Detail}");
        var evidence = run.Steps.FirstOrDefault(s => s.Name == "keep-state")?.Evidence.FirstOrDefault();
        return (run, evidence is null ? null : IdIn(evidence));
    }

    /// <summary>The state that gave way holds every record that its guest had acknowledged, undamaged.</summary>
    private static async Task<string[]> ProveKeptAsync(FieldPair pair, FieldSite loser, Guid kept, OracleVm vm,
        ulong run, CancellationToken ct)
    {
        var points = await loser.AskAsync<List<RecoveryPoint>>(["point", "list", FieldPair.Group], ct);
        Assert.Equal(PointState.Pinned, points.Single(p => p.Id == kept && p.IsOrigin).State);
        var others = pair.Witness.History.Runs(vm.Options.Name).Where(r => r.Run != run)
            .Select(r => r.Run.ToString("x16", System.Globalization.CultureInfo.InvariantCulture)).ToHashSet();
        var images = await ExportAsync(pair, loser, kept, $"kept-{kept:N}", ct);
        var proof = await OracleChecker.CheckAsync([.. images.Select(f => new OracleImage(f))], new OracleExpectation
        {
            Guest = vm.Options.Name, Witness = pair.Witness.History, OtherRuns = others, LostMax = 0,
            WorkDirectory = pair.Directory,
        }, ct);
        Assert.True(proof.Holds, string.Join('\n', proof.Lines()));
        return images;
    }

    private static async Task<string[]> ExportAsync(FieldPair pair, FieldSite site, Guid point, string name,
        CancellationToken ct)
    {
        var folder = Path.Combine(pair.Directory, name);
        await site.MustAsync(["point", "export", FieldPair.Group, "--point", $"{point}", "--to", folder], ct);
        return [.. Directory.GetFiles(folder, "*.img").Order(StringComparer.Ordinal)];
    }

    private static Task AcksAsync(FieldPair pair, OracleVm vm, ulong run, long more, CancellationToken ct) =>
        pair.UntilAckedAsync(vm, run, more, Limit, ct);

    private static Guid SealedBy(RunInfo run) => IdIn(run.Steps.Single(s => s.Name == "wait-sealed").Evidence[0]);

    private static Guid IdIn(string text) => text.Split(' ', ',')
        .Select(w => Guid.TryParse(w, out var id) ? id : Guid.Empty).First(id => id != Guid.Empty);

    /// <summary>Bytes in blocks of 4 KiB that either side has otherwise than the fork point.</summary>
    private static long DifferingBytes(string[] fork, string[] one, string[] other)
    {
        var total = 0L;
        for (var i = 0; i < fork.Length; i++)
        {
            var (then, a, b) = (File.ReadAllBytes(fork[i]), File.ReadAllBytes(one[i]), File.ReadAllBytes(other[i]));
            for (var at = 0; at < then.Length; at += 4096)
            {
                var was = then.AsSpan(at, 4096);
                if (!was.SequenceEqual(a.AsSpan(at, 4096)) || !was.SequenceEqual(b.AsSpan(at, 4096))) total += 4096;
            }
        }
        return total;
    }
}
