// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Agents;
using Lifeboat.Testing.Field;
using Lifeboat.Testing.Oracle;

namespace Lifeboat.IntegrationTests.Life;

/// <summary>kill -9 and SIGSTOP of every process of both sites under a writing guest: nobody helps, it goes on by
/// itself.</summary>
[Collection(LifeCollection.Name)]
public sealed class KillTests
{
    private const int Tries = 3;
    private static readonly TimeSpan StallLimit = TimeSpan.FromSeconds(1);

    [Fact]
    public async Task Whatever_process_dies_the_guest_goes_on_and_replication_comes_back_with_the_gap_alone()
    {
        var ct = TestContext.Current.CancellationToken;
        await using var pair = await FieldPair.StartAsync(ct);
        await using var vm = await pair.StartGuestAsync("db", OracleWorkload.Default with { LoadWriters = 1 },
            OracleBus.VirtioBlk, [(192L << 20, OracleFileSystem.Ext4), (64L << 20, OracleFileSystem.Raw)], ct);
        await pair.ProtectAsync(vm, ["--checkpoint-interval", "500ms"], ct);
        (FieldSite Site, string Role, string Signal)[] faults =
        [
            (pair.A, "agent", "KILL"), (pair.B, "agent", "KILL"), (pair.A, "watchdog", "KILL"),
            (pair.A, "controller", "KILL"), (pair.B, "controller", "KILL"), (pair.B, "watchdog", "KILL"),
            (pair.A, "agent", "STOP"),
        ];
        foreach (var fault in faults) await SurvivesAsync(pair, vm, fault, ct);
    }

    // The machine may be busy with others: a stall of ours comes every time, one of theirs does not.
    private static async Task SurvivesAsync(FieldPair pair, OracleVm vm,
        (FieldSite Site, string Role, string Signal) fault, CancellationToken ct)
    {
        var stalls = new List<TimeSpan>();
        while (stalls.Count < Tries)
        {
            stalls.Add(await StrikeAsync(pair, vm, fault, ct));
            if (stalls[^1] < StallLimit) return;
        }
        Assert.Fail($"{Name(fault)}: stalled " + string.Join(", ", stalls.Select(s => $"{s.TotalMilliseconds:0} ms")));
    }

    private static async Task<TimeSpan> StrikeAsync(FieldPair pair, OracleVm vm,
        (FieldSite Site, string Role, string Signal) fault, CancellationToken ct)
    {
        var what = Name(fault);
        var before = (await pair.UntilProtectedAsync(pair.A, TimeSpan.FromMinutes(1), ct)).NewestPoint!;
        var start = pair.Time.GetUtcNow();
        Assert.True(fault.Site.Signal(fault.Role, fault.Signal), $"{what}: it does not run");
        await Task.Delay(TimeSpan.FromSeconds(2), pair.Time, ct);
        var after = await pair.UntilAsync(pair.A,
            g => g.Source is { Phase: SourcePhase.Streaming } && g.NewestPoint?.CutAt > start + TimeSpan.FromSeconds(2),
            TimeSpan.FromMinutes(2), ct);

        var stall = pair.Witness.History.LongestStall(vm.Options.Name, start, pair.Time.GetUtcNow());
        Assert.True(after.Source!.LastResync is not (ResyncKind.Allocation or ResyncKind.HashCompare)
            || after.Source.Attaches == 1, $"{what}: resync was {after.Source.LastResync}, not by the change map");
        Assert.True(after.NewestPoint!.Sequence > before.Sequence, $"{what}: no new point");
        var proof = await pair.ProveAsync(pair.B, after.NewestPoint.Id, vm, OracleExpectation.ConsistencyOnly, ct);
        Assert.True(proof.Holds, $"{what}\n" + string.Join('\n', proof.Lines()));
        TestContext.Current.SendDiagnosticMessage($"{what}: stall {stall.GuestLength.TotalMilliseconds:0} ms, "
            + $"{after.Source.LastResync} moved {after.Source.ResyncMovedBytes}");
        return stall.GuestLength;
    }

    private static string Name((FieldSite Site, string Role, string Signal) fault) =>
        $"{fault.Signal} of {fault.Site.Name}'s {fault.Role}";
}
