// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Testing.Oracle;
using Xunit;

namespace Lifeboat.IntegrationTests.Oracle;

/// <summary>The guest in other shapes: many disks, wrapped rings, a witness that comes and goes, bad disks.</summary>
public sealed class OracleLoadTests(ITestOutputHelper output) : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("oload-").FullName;
    private readonly CancellationTokenSource _limit = new(TimeSpan.FromMinutes(4));

    private CancellationToken Ct => _limit.Token;
    private string Socket => Path.Combine(_directory, "wit.sock");

    public void Dispose()
    {
        _limit.Dispose();
        Directory.Delete(_directory, recursive: true);
    }

    [Fact]
    public async Task Eight_disks_with_wrapped_rings_under_load_survive_a_kill()
    {
        await using var witness = Witness(null);
        var kinds = Enumerable.Range(0, 8).Select(i => i < 4 ? OracleFileSystem.Raw : OracleFileSystem.Ext4).ToArray();
        var disks = await OracleDisk.CreateAllAsync(_directory, 64 << 20, kinds, Ct);
        var workload = OracleWorkload.Default with
        {
            Slots = 40, RecordBytes = 4096, LoadWriters = 8, LoadKind = OracleLoadKind.Db, LoadMiB = 4, Growing = false,
        };
        await using (var vm = await StartAsync(disks, workload, OracleBus.VirtioScsi))
        {
            await witness.History.WaitForAcksAsync("guest", 1000, Ct);
            await vm.KillAsync(Ct);
        }
        var proof = await CheckAsync(disks, witness.History);
        Assert.True(proof.Holds, string.Join('\n', proof.Lines()));
        Assert.InRange(proof.Oldest, 2, proof.Newest);
    }

    [Fact]
    public async Task A_witness_that_comes_back_hears_on_and_its_log_proves_the_rest()
    {
        var log = Path.Combine(_directory, "witness.log");
        OracleFileSystem[] kinds = [OracleFileSystem.Ext4, OracleFileSystem.Raw];
        var disks = await OracleDisk.CreateAllAsync(_directory, 64 << 20, kinds, Ct);
        OracleVm vm;
        using (var writer = new WitnessLogWriter(log))
        await using (var witness = Witness(writer))
        {
            vm = await StartAsync(disks, OracleWorkload.Default, OracleBus.VirtioBlk);
            await witness.History.WaitForAcksAsync("guest", 100, Ct);
        }
        await using (vm)
        {
            using var writer = new WitnessLogWriter(log);
            await using var witness = Witness(writer);
            await witness.History.WaitForAcksAsync("guest", 100, Ct);
            Assert.NotEqual(0UL, witness.History.Latest("guest")!.Set);   // a new connection begins with boot
            await vm.KillAsync(Ct);
        }
        var heard = await WitnessLogReader.ReadAsync(log, Ct);
        Assert.Single(heard.Runs("guest"));
        var proof = await CheckAsync(disks, heard);
        Assert.True(proof.Holds, string.Join('\n', proof.Lines()));
    }

    [Fact]
    public async Task A_guest_on_disks_of_two_moments_says_so_and_writes_nothing()
    {
        await using var witness = Witness(null);
        OracleFileSystem[] kinds = [OracleFileSystem.Ext4, OracleFileSystem.Raw];
        var disks = await OracleDisk.CreateAllAsync(_directory, 64 << 20, kinds, Ct);
        for (var i = 0; i < 2; i++)
        {
            await using var vm = await StartAsync(disks, OracleWorkload.Default, OracleBus.VirtioBlk);
            await witness.History.WaitUntilAsync(h => h.Latest("guest")?.Generation == i + 1, Ct);
            await witness.History.WaitForAcksAsync("guest", 100, Ct);
            await vm.KillAsync(Ct);
            if (i == 0) File.Copy(disks[1].Path, Path.Combine(_directory, "old.img"));
        }
        File.Copy(Path.Combine(_directory, "old.img"), disks[1].Path, overwrite: true);
        Assert.False((await CheckAsync(disks, witness.History)).Holds);
        await using var third = await StartAsync(disks, OracleWorkload.Default, OracleBus.VirtioBlk);
        await witness.History.WaitUntilAsync(h => h.Complaints("guest").Count > 0, Ct);
        Assert.Contains("not one cut", witness.History.Complaints("guest")[0], StringComparison.Ordinal);
        Assert.Equal(2, witness.History.Runs("guest").Count);
    }

    private Witness Witness(WitnessLogWriter? log)
    {
        var witness = new Witness(TimeProvider.System, log);
        witness.Listen("guest", Socket);
        return witness;
    }

    private async Task<OracleVm> StartAsync(IReadOnlyList<OracleDisk> disks, OracleWorkload workload, OracleBus bus) =>
        await OracleVm.StartAsync(new OracleVmOptions
        {
            Name = "guest", Directory = _directory, Disks = disks, Workload = workload, Bus = bus,
            Guest = await OracleGuest.BuildAsync(Ct), WitnessSocket = Socket,
        }, Ct);

    private async Task<OracleProof> CheckAsync(IReadOnlyList<OracleDisk> disks, WitnessHistory heard)
    {
        var images = disks.Select(d => new OracleImage(d.Path, d.FileSystem)).ToArray();
        var expectation = new OracleExpectation { Witness = heard, LostMax = 0, WorkDirectory = _directory };
        var proof = await OracleChecker.CheckAsync(images, expectation, Ct);
        foreach (var line in proof.Lines()) output.WriteLine(line);
        return proof;
    }
}
