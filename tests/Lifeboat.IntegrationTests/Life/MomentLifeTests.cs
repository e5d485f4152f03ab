// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Agents;
using Lifeboat.Contracts.Api;
using Lifeboat.Protection.Plans;
using Lifeboat.Protection.RecoveryPoints;
using Lifeboat.Testing.Field;
using Lifeboat.Testing.Oracle;

namespace Lifeboat.IntegrationTests.Life;

/// <summary>
/// A guest that writes all the time to several disks, read in moments: every point is one cut over them, an agent that
/// is killed costs nothing but time, and a planned move loses no write.
/// </summary>
[Collection(LifeCollection.Name)]
public sealed class MomentLifeTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(2);

    [Fact]
    public async Task Moments_of_a_writing_guest_are_cuts_over_all_its_disks_and_only_changes_are_sent()
    {
        var ct = TestContext.Current.CancellationToken;
        await using var pair = await FieldPair.StartAsync(ct);
        await using var vm = await pair.StartGuestAsync("logs", OracleWorkload.Default with { LoadWriters = 1 },
            OracleBus.VirtioBlk, [(96L << 20, OracleFileSystem.Ext4), (40L << 20, OracleFileSystem.Raw)], ct);
        await pair.ProtectAsync(vm, ["--source", "bitmap", "--source-period", "4s", "--rpo", "1m"], ct);

        for (var round = 0; round < 3; round++)
        {
            var start = pair.Time.GetUtcNow();
            // In the middle of a period, and now and then in the middle of a moment.
            if (round > 0) Assert.True(pair.A.Kill("agent"));
            var after = await pair.UntilAsync(pair.A, g => g.Source is { Moments.Last: { } last } && last > start
                && g.Source.LastSealed?.CutAt > start, Limit, ct);
            var source = after.Source!;
            if (round > 0) Assert.Equal(ResyncKind.ChangeMap, source.LastResync);
            Assert.True(source.ResyncMovedBytes <= 1.1 * source.ResyncExaminedBytes || round == 0,
                $"moved {source.ResyncMovedBytes} of {source.ResyncExaminedBytes} that had changed");
            await ProveAsync(pair, vm, source.LastSealed!, ct);
        }
        Assert.Empty(pair.Witness.History.Complaints(vm.Options.Name));

        var moved = await pair.B.AskAsync<RunInfo>(["failover", FieldPair.Group, "--planned"], ct);
        Assert.Equal(RunState.Succeeded, moved.State);
        await pair.Witness.History.WaitForAcksAsync(vm.Options.Name, 50, ct).WaitAsync(Limit, ct);
        var runs = pair.Witness.History.Runs(vm.Options.Name);
        Assert.True(runs[^2].LastAcked()!.Value.N <= runs[^1].LastAtBoot, "a planned failover loses nothing");
    }

    // All that was acknowledged before the moment is there, and nothing from long after it.
    private static async Task ProveAsync(FieldPair pair, OracleVm vm, RecoveryPoint point, CancellationToken ct)
    {
        var proof = await pair.ProveAsync(pair.B, point.Id, vm, new OracleExpectation
        {
            CutAt = point.CutAt, LostMax = 0, NothingAfter = point.CutAt + TimeSpan.FromSeconds(2),
        }, ct);
        Assert.True(proof.Holds, $"point of {point.CutAt:O}\n" + string.Join('\n', proof.Lines()));
    }
}
