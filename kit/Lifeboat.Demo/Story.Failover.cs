// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Api;
using Lifeboat.Protection.Plans;
using Lifeboat.Testing.Oracle;

namespace Lifeboat.Demo;

internal sealed partial class Story
{
    private async Task DisasterAndFailoverAsync(CancellationToken ct)
    {
        await Task.Delay(TimeSpan.FromSeconds(3), time, ct);
        _a.KillEverything();
        var died = time.GetUtcNow();
        var last = _witness.History.Latest(StoryOptions.Instance)!.LastAcked()!.Value.N;
        ledger.Say($"site a is dead: every process killed, record {last} was the last one acknowledged");

        var run = await _b.AskAsync<RunInfo>(["failover", StoryOptions.Group], ct);
        var report = (await _b.AskAsync<RunReport>(["report", "get", $"{run.Id}"], ct)).Read();
        var proof = await ProveAsync(_b, run.PointId!.Value, "failover", new OracleExpectation { CutAt = died }, ct);
        ledger.Prove("failover, site a not asked", run.State == RunState.Succeeded && report.PeerRequests == 0,
            $"{run.State}, {report.PeerRequests} requests to site a; {Summary(proof)}");
        ledger.Prove("RPO under 2 s and owned up to",
            proof.Holds && proof.LostTime < StoryOptions.RpoLimit && proof.LostTime <= report.Rpo.Bound,
            $"lost {proof.Lost} acknowledged records, {proof.LostTime.TotalSeconds:0.00} s; "
            + $"the report owns up to {report.Rpo.Bound?.TotalSeconds:0.00} s");
        ledger.Prove("RTO", report.Rto.Met, $"verified {report.Rto.Reached?.TotalSeconds:0.0} s after the command");
        await _witness.History.WaitUntilAsync(h => Generation(h) >= 2, ct).WaitAsync(TimeSpan.FromSeconds(60), ct);
        await _witness.History.WaitForAcksAsync(StoryOptions.Instance, 300, ct).WaitAsync(TimeSpan.FromSeconds(60), ct);
        ledger.Say("the guest works at site b and goes on numbering");
    }

    private async Task ReprotectAsync(CancellationToken ct)
    {
        await _a.StartAsync(ct);
        ledger.Say("site a is back: its guest stays down, its old disks are kept");
        var run = await _b.AskAsync<RunInfo>(["reprotect", StoryOptions.Group], ct);
        var report = (await _b.AskAsync<RunReport>(["report", "get", $"{run.Id}"], ct)).Read();
        var points = await _a.AskAsync<List<Protection.RecoveryPoints.RecoveryPoint>>(
            ["point", "list", StoryOptions.Group], ct);
        var first = points[0];
        var proof = await ProveAsync(_a, first.Id, "reprotect", OracleExpectation.ConsistencyOnly, ct);
        long changed = 0;
        foreach (var (name, _, _) in GuestDisks)
            changed += await BlockCompare.DifferingBytesAsync(OldDisk(name),
                Path.Combine(options.Proofs, "reprotect", $"{StoryOptions.Instance}.{name}.img"), ct);
        var moved = report.Resyncs.Sum(r => r.MovedBytes);
        ledger.Prove("resync with reversed roles moves what changed",
            run.State == RunState.Succeeded && moved <= changed * StoryOptions.ResyncLimit,
            $"moved {Mib(moved)}, changed {Mib(changed)}, ratio {moved / (double)Math.Max(1, changed):0.00}, "
            + $"disks {Mib(GuestDisks.Sum(d => d.SizeBytes))}");
        ledger.Prove("first point at site a after the resync", proof.Holds, Summary(proof));
    }

    private async Task FailBackAsync(CancellationToken ct)
    {
        var generation = Generation(_witness.History);
        var run = await _a.AskAsync<RunInfo>(["failback", StoryOptions.Group], ct);
        await _witness.History.WaitUntilAsync(h => Generation(h) > generation, ct)
            .WaitAsync(TimeSpan.FromSeconds(60), ct);
        var runs = _witness.History.Runs(StoryOptions.Instance);
        var home = runs.Last();
        var away = runs.Last(r => r.Generation < home.Generation);
        var lost = away.LastAcked()!.Value.N - home.LastAtBoot;
        ledger.Prove("planned failback loses nothing", run.State == RunState.Succeeded && lost <= 0,
            $"{run.State}; last acknowledged at b {away.LastAcked()!.Value.N}, found at a {home.LastAtBoot}: "
            + $"{Math.Max(0, lost)} lost");

        var group = await UntilProtectedAsync(_a, TimeSpan.FromSeconds(90), ct);
        var proof = await ProveAsync(_b, group.NewestPoint!.Id, "home", OracleExpectation.ConsistencyOnly, ct);
        ledger.Prove("home and protected again", proof.Holds && group.Definition.PrimarySite == "a", Summary(proof));
        var complaints = _witness.History.Complaints(StoryOptions.Instance);
        ledger.Prove("the guest never found its disks wrong", complaints.Count == 0,
            complaints.Count == 0 ? $"{runs.Count} boots" : string.Join("; ", complaints));
    }

    private static long Generation(WitnessHistory history) =>
        history.Latest(StoryOptions.Instance) is { Acks.Count: > 0 } run ? run.Generation : 0;
}
