// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Agents;
using Lifeboat.Contracts.Api;
using Lifeboat.Protection.Plans;
using Lifeboat.Protection.RecoveryPoints;
using Lifeboat.Testing.Oracle;

namespace Lifeboat.Demo;

internal sealed partial class Story
{
    private async Task ProtectAsync(CancellationToken ct)
    {
        var start = time.GetTimestamp();
        await _a.MustAsync(["group", "create", StoryOptions.Group, "--instance", StoryOptions.Instance,
            "--recovery-site", "b", "--checkpoint-interval", "1s", "--check", "tcp:8080"], ct);
        var group = await UntilProtectedAsync(_a, TimeSpan.FromSeconds(90), ct);
        ledger.Note("initial sync of 3 disks, guest writing",
            $"{time.GetElapsedTime(start).TotalSeconds:0.0} s, moved {Mib(group.Source!.ResyncMovedBytes)} "
            + $"of {Mib(GuestDisks.Sum(d => d.SizeBytes))}");

        var before = time.GetUtcNow();
        await Task.Delay(TimeSpan.FromSeconds(5), time, ct);
        group = await UntilProtectedAsync(_a, TimeSpan.FromSeconds(30), ct);
        var stall = _witness.History.LongestStall(StoryOptions.Instance, before, time.GetUtcNow());
        ledger.Note("streaming", $"lag {group.Source!.Lag.TotalSeconds:0.00} s, longest gap between acknowledged "
            + $"records {stall.GuestLength.TotalMilliseconds:0} ms");

        var point = await _a.AskAsync<CheckpointResult>(
            ["point", "create", StoryOptions.Group, "--quiesce", "--label", "demo"], ct);
        var proof = await ProveAsync(_b, point.Point.Id, "application-point",
            new OracleExpectation { MustEndWithMark = true }, ct);
        ledger.Prove("application-consistent point", proof.Holds && point.Point.Consistency == Consistency.Application,
            $"guest frozen {point.Frozen?.TotalSeconds:0.00} s, acknowledgements held "
            + $"{point.Held.TotalMilliseconds:0.0} ms; {Summary(proof)}");
    }

    private async Task DrillAsync(CancellationToken ct)
    {
        var before = await Footprint.TakeAsync(_b, ct);
        var durable = (await _a.AskAsync<GroupInfo>(["group", "get", StoryOptions.Group], ct)).Source!.DurableSequence;
        var start = time.GetUtcNow();
        var run = await _b.AskAsync<RunInfo>(["drill", StoryOptions.Group], ct);
        var after = await _a.AskAsync<GroupInfo>(["group", "get", StoryOptions.Group], ct);
        var report = (await _b.AskAsync<RunReport>(["report", "get", $"{run.Id}"], ct)).Read();
        ledger.Prove("drill in a bubble", run.State == RunState.Succeeded,
            $"{run.State}, verified after {report.Rto.Reached?.TotalSeconds:0.0} s, {report.Steps.Count} steps");
        var left = (await Footprint.TakeAsync(_b, ct)).LeftSince(before);
        ledger.Prove("nothing of the bubble is left", left.Count == 0,
            left.Count == 0 ? "no process, namespace, link, mount or file" : string.Join("; ", left.Take(5)));
        var stall = _witness.History.LongestStall(StoryOptions.Instance, start, time.GetUtcNow());
        ledger.Prove("replication went on during the drill", after.Source!.DurableSequence > durable + 100,
            $"{after.Source.DurableSequence - durable} records became durable, longest guest gap "
            + $"{stall.GuestLength.TotalMilliseconds:0} ms");
    }

    private static string Mib(long bytes) => $"{bytes / (double)(1 << 20):0.0} MiB";
}
