// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Agents;
using Lifeboat.Contracts.Api;
using Lifeboat.Protection.Plans;
using Lifeboat.Protection.RecoveryPoints;
using Lifeboat.Testing.Field;
using Lifeboat.Testing.Oracle;

namespace Lifeboat.IntegrationTests.Life;

/// <summary>Somebody else's running QEMU, walked through its whole life with the command alone.</summary>
[Collection(LifeCollection.Name)]
public sealed class AdoptedGuestTests
{
    private static readonly TimeSpan Boot = TimeSpan.FromMinutes(2);

    [Fact]
    public async Task A_guest_started_by_hand_is_protected_drilled_failed_over_and_brought_home()
    {
        var ct = TestContext.Current.CancellationToken;
        await using var pair = await FieldPair.StartAsync(ct);
        await using var vm = await pair.StartGuestAsync("erp", OracleWorkload.Default with { LoadWriters = 1 },
            OracleBus.VirtioScsi,
            [
                (97L << 20, OracleFileSystem.Ext4), (40L << 20, OracleFileSystem.Raw),
                (304L << 20, OracleFileSystem.Xfs),
            ], ct);
        await pair.ProtectAsync(vm, [], ct);

        var drill = await pair.B.AskAsync<RunInfo>(["drill", FieldPair.Group], ct);
        Assert.Equal(RunState.Succeeded, drill.State);

        pair.A.KillEverything();
        await vm.KillAsync(ct);
        var died = pair.Time.GetUtcNow();
        var failover = await pair.B.AskAsync<RunInfo>(["failover", FieldPair.Group], ct);
        Assert.Equal(RunState.Succeeded, failover.State);
        var proof = await pair.ProveAsync(pair.B, failover.PointId!.Value, vm,
            new OracleExpectation { CutAt = died }, ct);
        Assert.True(proof.Holds, string.Join('\n', proof.Lines()));
        await pair.Witness.History.WaitForAcksAsync(vm.Options.Name, 100, ct).WaitAsync(Boot, ct);

        await pair.A.StartAsync(ct);
        await pair.UntilAsync(pair.A, g => g.Definition.PrimarySite == "b", Boot, ct);
        var back = await pair.A.AskAsync<RunInfo>(["failback", FieldPair.Group], ct);
        Assert.Equal(RunState.Succeeded, back.State);
        await pair.Witness.History.WaitForAcksAsync(vm.Options.Name, 50, ct).WaitAsync(Boot, ct);
        var runs = pair.Witness.History.Runs(vm.Options.Name);
        Assert.True(runs[^2].LastAcked()!.Value.N <= runs[^1].LastAtBoot, "a planned failback loses nothing");
        Assert.Empty(pair.Witness.History.Complaints(vm.Options.Name));
        var group = await pair.UntilProtectedAsync(pair.A, Boot, ct);
        Assert.Equal("a", group.Definition.PrimarySite);
    }

    [Fact]
    public async Task An_application_point_ends_with_the_mark_that_the_freeze_put()
    {
        var ct = TestContext.Current.CancellationToken;
        await using var pair = await FieldPair.StartAsync(ct);
        await using var vm = await pair.StartGuestAsync("app", OracleWorkload.Default with { LoadWriters = 1 },
            OracleBus.VirtioBlk, [(96L << 20, OracleFileSystem.Ext4), (32L << 20, OracleFileSystem.Raw)], ct);
        await pair.ProtectAsync(vm, [], ct);
        for (var i = 0; i < 3; i++)
        {
            var result = await pair.A.AskAsync<CheckpointResult>(
                ["point", "create", FieldPair.Group, "--quiesce", "--label", $"app-{i}"], ct);
            Assert.True(result.Sealed);
            Assert.True(result.Point.Consistency == Consistency.Application, result.Point.Note);
            var proof = await pair.ProveAsync(pair.B, result.Point.Id, vm,
                new OracleExpectation { MustEndWithMark = true }, ct);
            var marks = pair.Witness.History.Latest("app")!.Acks.Where(a => a.Mark).Select(a => $"{a.N} {a.At:O}");
            Assert.True(proof.Holds, $"{result.Point}\n{string.Join('\n', marks)}\n{string.Join('\n', proof.Lines())}");
        }
    }

    [Fact]
    public async Task A_random_point_of_hundreds_under_full_load_passes_fsck_and_the_oracle()
    {
        var ct = TestContext.Current.CancellationToken;
        await using var pair = await FieldPair.StartAsync(ct);
        await using var vm = await pair.StartGuestAsync("busy",
            OracleWorkload.Default with { LoadWriters = 3, LoadKind = OracleLoadKind.Mix, LoadPause = TimeSpan.Zero },
            OracleBus.VirtioBlk, [(128L << 20, OracleFileSystem.Ext4), (304L << 20, OracleFileSystem.Xfs)], ct);
        await pair.ProtectAsync(vm, ["--checkpoint-interval", "100ms"], ct);
        await pair.UntilAsync(pair.B, g => g.Replica is { Points: > 200 }, TimeSpan.FromMinutes(3), ct);

        var points = await pair.B.AskAsync<List<RecoveryPoint>>(["point", "list", FieldPair.Group], ct);
        Assert.True(points.Count > 200, $"{points.Count} points");
        var prng = new Lifeboat.Testing.Prng(20261124);
        for (var i = 0; i < 3; i++)
        {
            var point = points[prng.Next(points.Count)];
            var proof = await pair.ProveAsync(pair.B, point.Id, vm,
                new OracleExpectation { NothingAfter = point.CutAt + TimeSpan.FromSeconds(2) }, ct);
            Assert.True(proof.Holds, $"point {point.Id}\n" + string.Join('\n', proof.Lines()));
        }
    }
}
