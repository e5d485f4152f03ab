// SPDX-License-Identifier: Apache-2.0
using System.Diagnostics;
using Lifeboat.Testing.Oracle;
using Xunit;

namespace Lifeboat.IntegrationTests.Oracle;

/// <summary>The guest and its witness, on their own: what the other tests lean on.</summary>
public sealed class OracleVmTests(ITestOutputHelper output) : IDisposable
{
    private static readonly OracleFileSystem[] OneOfEach =
        [OracleFileSystem.Ext4, OracleFileSystem.Xfs, OracleFileSystem.Raw];

    private readonly string _directory = Directory.CreateTempSubdirectory("oracle-").FullName;
    private readonly CancellationTokenSource _limit = new(TimeSpan.FromMinutes(3));

    private CancellationToken Ct => _limit.Token;

    public void Dispose()
    {
        _limit.Dispose();
        Directory.Delete(_directory, recursive: true);
    }

    [Fact]
    public async Task Boots_reports_freezes_and_shuts_down()
    {
        await using var witness = Witness();
        await using var vm = await StartAsync(OracleBus.VirtioBlk, OneOfEach);
        var booting = Stopwatch.StartNew();
        await witness.History.WaitForAcksAsync("guest", 1, Ct);
        output.WriteLine($"boot to first record: {booting.Elapsed.TotalSeconds:F1} s");
        var from = TimeProvider.System.GetUtcNow();
        var run = await witness.History.WaitForAcksAsync("guest", 1000, Ct);
        output.WriteLine($"1000 records in {(run.LastAcked()!.Value.At - from).TotalSeconds:F1} s");

        await vm.WaitForGuestAgentAsync(Ct);
        Assert.Equal(2, await vm.Agent.FreezeAsync(Ct));
        await witness.History.WaitUntilAsync(h => h.Latest("guest")!.LastAcked()!.Value.Mark, Ct);
        var frozenAt = witness.History.Latest("guest")!.LastAcked()!.Value.N;
        await Task.Delay(300, Ct);
        Assert.Equal(frozenAt, witness.History.Latest("guest")!.LastAcked()!.Value.N);
        Assert.Equal(2, await vm.Agent.ThawAsync(Ct));
        await witness.History.WaitForAcksAsync("guest", 20, Ct);

        await vm.ShutDownAsync(Ct);
        var ended = witness.History.Latest("guest")!;
        Assert.NotNull(ended.Stopped);
        Assert.Empty(witness.History.Complaints("guest"));
    }

    [Theory]
    [InlineData(OracleBus.VirtioBlk)]
    [InlineData(OracleBus.VirtioScsi)]
    public async Task After_a_kill_it_goes_on_where_its_disks_end(OracleBus bus)
    {
        await using var witness = Witness();
        await using (var first = await StartAsync(bus, OneOfEach))
        {
            await witness.History.WaitForAcksAsync("guest", 200, Ct);
            await first.KillAsync(Ct);
        }
        var before = witness.History.Latest("guest")!;
        await using var second = await OracleVm.StartAsync(await OptionsAsync(bus, Disks(OneOfEach)), Ct);
        await witness.History.WaitUntilAsync(h => h.Runs("guest").Count == 2 && h.Runs("guest")[1].Acks.Count > 0, Ct);
        var after = witness.History.Runs("guest")[1];
        Assert.Equal(before.Generation + 1, after.Generation);
        Assert.Equal(before.Set, after.Set);
        Assert.InRange(after.LastAtBoot, before.LastAcked()!.Value.N, before.LastAcked()!.Value.N + 1000);
        Assert.Equal(after.LastAtBoot + 1, after.Acks[0].N);
        await second.WaitForGuestAgentAsync(Ct);
        await second.PressPowerButtonAsync(Ct);
        Assert.NotNull(witness.History.Runs("guest")[1].Stopped);
    }

    [Fact]
    public async Task Stays_stopped_after_shutdown_when_asked_to()
    {
        var disks = await OracleDisk.CreateAllAsync(_directory, 64 << 20, [OracleFileSystem.Ext4], Ct);
        await using var vm = await OracleVm.StartAsync(
            (await OptionsAsync(OracleBus.VirtioBlk, disks)) with { StayAfterShutdown = true }, Ct);
        await vm.WaitForGuestAgentAsync(Ct);
        await vm.ShutDownAsync(Ct);
        Assert.True(vm.Running);
        var status = await vm.AskMonitorAsync("query-status", null, Ct);
        Assert.Equal("shutdown", status.GetProperty("status").GetString());
    }

    private string Socket => Path.Combine(_directory, "wit.sock");

    private Witness Witness()
    {
        var witness = new Witness(TimeProvider.System);
        witness.Listen("guest", Socket);
        return witness;
    }

    private OracleDisk[] Disks(OracleFileSystem[] kinds) =>
        kinds.Select((fs, i) => new OracleDisk(Path.Combine(_directory, $"disk{i}.img"), 400 << 20, fs)).ToArray();

    private async Task<OracleVmOptions> OptionsAsync(OracleBus bus, IReadOnlyList<OracleDisk> disks) => new()
    {
        Name = "guest", Directory = _directory, Disks = disks, Bus = bus, WitnessSocket = Socket,
        Guest = await OracleGuest.BuildAsync(Ct),
    };

    private async Task<OracleVm> StartAsync(OracleBus bus, OracleFileSystem[] kinds)
    {
        var disks = await OracleDisk.CreateAllAsync(_directory, 400 << 20, kinds, Ct);
        return await OracleVm.StartAsync(await OptionsAsync(bus, disks), Ct);
    }
}
