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
    // The agent is stopped while its watchdog is: the controller's process has to see it.
    private const string Unwatched = "STOP, unwatched,";
    private static readonly TimeSpan StallLimit = TimeSpan.FromSeconds(1);

    [Fact]
    public async Task Whatever_process_dies_the_guest_goes_on_and_replication_comes_back_with_the_gap_alone()
    {
        var ct = TestContext.Current.CancellationToken;
        await using var pair = await FieldPair.StartAsync(
            FieldPairOptions.Plain with { GuestDisksInMemory = true }, ct);
        await using var vm = await pair.StartGuestAsync("db", OracleWorkload.Default with { LoadWriters = 1 },
            OracleBus.VirtioBlk, [(192L << 20, OracleFileSystem.Ext4), (64L << 20, OracleFileSystem.Raw)], ct);
        await pair.ProtectAsync(vm, ["--checkpoint-interval", "500ms"], ct);
        using var machine = new MachineLateness(pair.Time);
        machine.AlsoWatch(vm.ProcessId);
        (FieldSite Site, string Role, string Signal)[] faults =
        [
            (pair.A, "agent", "KILL"), (pair.B, "agent", "KILL"), (pair.A, "watchdog", "KILL"),
            (pair.A, "controller", "KILL"), (pair.B, "controller", "KILL"), (pair.B, "watchdog", "KILL"),
            (pair.A, "agent", "STOP"), (pair.A, "agent", Unwatched),
        ];
        foreach (var fault in faults) await SurvivesAsync(pair, vm, fault, machine, ct);
    }

    private static async Task SurvivesAsync(FieldPair pair, OracleVm vm,
        (FieldSite Site, string Role, string Signal) fault, MachineLateness machine, CancellationToken ct)
    {
        var what = Name(fault);
        var before = (await pair.UntilProtectedAsync(pair.A, TimeSpan.FromMinutes(1), ct)).NewestPoint!;
        var start = pair.Time.GetUtcNow();
        var unwatched = fault.Signal == Unwatched;
        if (unwatched) Assert.True(fault.Site.Signal("watchdog", "STOP"));
        Assert.True(fault.Site.Signal(fault.Role, unwatched ? "STOP" : fault.Signal), $"{what}: it does not run");
        await Task.Delay(TimeSpan.FromSeconds(2), pair.Time, ct);
        if (unwatched) Assert.True(fault.Site.Signal("watchdog", "CONT"));
        var after = await pair.UntilAsync(pair.A,
            g => g.Source is { Phase: SourcePhase.Streaming } && g.NewestPoint?.CutAt > start + TimeSpan.FromSeconds(2),
            TimeSpan.FromMinutes(2), ct);

        var (stall, late) = LongestOfOurs(pair, vm, machine, start);
        Assert.True(after.Source!.LastResync is not (ResyncKind.Allocation or ResyncKind.HashCompare)
            || after.Source.Attaches == 1, $"{what}: resync was {after.Source.LastResync}, not by the change map");
        Assert.True(after.NewestPoint!.Sequence > before.Sequence, $"{what}: no new point");
        // Its controller may be the one that was killed.
        await pair.UntilAsync(pair.B, g => g.Replica is not null, TimeSpan.FromMinutes(2), ct);
        var proof = await pair.ProveAsync(pair.B, after.NewestPoint.Id, vm, OracleExpectation.ConsistencyOnly, ct);
        Assert.True(proof.Holds, $"{what}\n" + string.Join('\n', proof.Lines()));
        var measured = $"{what}: stall {stall.TotalMilliseconds:0} ms, {late.TotalMilliseconds:0} ms of it the machine";
        TestContext.Current.SendDiagnosticMessage(
            $"{measured}, {after.Source.LastResync} moved {after.Source.ResyncMovedBytes}");
        Assert.True(stall - late <= StallLimit, measured);
    }

    // The machine may be busy with others: what it was late by during a stall is not ours.
    private static (TimeSpan Stall, TimeSpan Late) LongestOfOurs(
        FieldPair pair, OracleVm vm, MachineLateness machine, DateTimeOffset since)
    {
        var worst = (Stall: TimeSpan.Zero, Late: TimeSpan.Zero);
        foreach (var run in pair.Witness.History.Runs(vm.Options.Name))
        {
            long? before = null;
            foreach (var ack in run.AcksSince(since))
            {
                var stall = TimeSpan.FromMilliseconds(ack.GuestMs - before ?? 0);
                before = ack.GuestMs;
                if (stall <= worst.Stall - worst.Late) continue;
                var late = machine.Within(ack.At - stall, ack.At);
                if (stall - late > worst.Stall - worst.Late) worst = (stall, late);
            }
        }
        return worst;
    }

    private static string Name((FieldSite Site, string Role, string Signal) fault) =>
        $"{fault.Signal} of {fault.Site.Name}'s {fault.Role}";
}
