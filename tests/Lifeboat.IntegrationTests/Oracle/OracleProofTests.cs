// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Testing.Oracle;
using Xunit;

namespace Lifeboat.IntegrationTests.Oracle;

/// <summary>The checker on disks that a real guest wrote: it tells the truth and overlooks no damage.</summary>
public sealed class OracleProofTests(ITestOutputHelper output) : IDisposable
{
    private static readonly OracleFileSystem[] Kinds =
        [OracleFileSystem.Ext4, OracleFileSystem.Xfs, OracleFileSystem.Raw];

    private readonly string _directory = Directory.CreateTempSubdirectory("proof-").FullName;
    private readonly CancellationTokenSource _limit = new(TimeSpan.FromMinutes(4));

    private CancellationToken Ct => _limit.Token;

    public void Dispose()
    {
        _limit.Dispose();
        Directory.Delete(_directory, recursive: true);
    }

    [Fact]
    public async Task Nothing_is_lost_on_the_guests_own_disks_over_kills_and_a_clean_end()
    {
        await using var witness = new Witness(TimeProvider.System);
        witness.Listen("guest", Path.Combine(_directory, "wit.sock"));
        var disks = await OracleDisk.CreateAllAsync(_directory, 400 << 20, Kinds, Ct);
        var options = Options(disks, await OracleGuest.BuildAsync(Ct));
        for (var generation = 1; generation <= 2; generation++)
        {
            await using var vm = await OracleVm.StartAsync(options, Ct);
            await witness.History.WaitUntilAsync(h => h.Latest("guest")?.Generation == generation, Ct);
            await witness.History.WaitForAcksAsync("guest", 400, Ct);
            await vm.KillAsync(Ct);
            var proof = await CheckAsync(disks, witness.History);
            Assert.True(proof.Holds, string.Join('\n', proof.Lines()));
            Assert.Equal(generation, proof.Interrupted!.Generation);
        }

        await using (var vm = await OracleVm.StartAsync(options, Ct))
        {
            await witness.History.WaitUntilAsync(h => h.Latest("guest")?.Generation == 3, Ct);
            await witness.History.WaitForAcksAsync("guest", 100, Ct);
            await vm.WaitForGuestAgentAsync(Ct);
            await vm.ShutDownAsync(Ct);
        }
        var whole = await CheckAsync(disks, witness.History);
        Assert.True(whole.Holds, string.Join('\n', whole.Lines()));
        Assert.Equal(whole.Newest, witness.History.Latest("guest")!.LastAcked()!.Value.N);
        Assert.Equal([0L, 0L, 0L], whole.Runs.Select(r => r.Lost));
        Assert.Empty(witness.History.Complaints("guest"));
        await DamageIsFoundAsync(disks, witness.History);
    }

    [Fact]
    public async Task A_guest_whose_clock_runs_ahead_has_a_clean_file_system()
    {
        var disk = new OracleDisk(Path.Combine(_directory, "ahead.img"), 64 << 20, OracleFileSystem.Ext4);
        await disk.CreateAsync(Ct);
        var ahead = TimeProvider.System.GetUtcNow().AddHours(3).ToUnixTimeSeconds();
        await HostCommand.MustAsync("debugfs", ["-w", "-R", $"set_super_value mtime @{ahead}", disk.Path], Ct);
        Assert.True((await CheckAsync([disk], new WitnessHistory(), null)).Holds);
    }

    // Each kind of damage on otherwise good disks of a real guest.
    private async Task DamageIsFoundAsync(IReadOnlyList<OracleDisk> disks, WitnessHistory heard)
    {
        var raw = await File.ReadAllBytesAsync(disks[2].Path, Ct);
        raw[OracleFormat.HeaderBytes + 10 * 512 + 300] ^= 1;
        var flipped = new OracleDisk(Path.Combine(_directory, "flipped.img"), disks[2].SizeBytes, OracleFileSystem.Raw);
        await File.WriteAllBytesAsync(flipped.Path, raw, Ct);
        Assert.Contains((await CheckAsync([disks[0], disks[1], flipped], heard)).Findings,
            f => f is { Holds: false, Property: OracleProperty.Prefix });

        var fresh = new OracleDisk(Path.Combine(_directory, "fresh.img"), disks[0].SizeBytes, OracleFileSystem.Ext4);
        await fresh.CreateAsync(Ct);
        Assert.Contains((await CheckAsync([fresh, disks[1], disks[2]], heard)).Findings,
            f => f is { Holds: false, Property: OracleProperty.OneCut });

        foreach (var disk in disks.Take(2))
            Assert.Contains((await CheckAsync(await TornAsync(disk, disks), heard)).Findings,
                f => f is { Holds: false, Property: OracleProperty.FileSystem });
    }

    // The first inodes of a file system are lost.
    private async Task<IReadOnlyList<OracleDisk>> TornAsync(OracleDisk disk, IReadOnlyList<OracleDisk> disks)
    {
        var torn = disk with { Path = Path.Combine(_directory, "torn.img") };
        await HostCommand.MustAsync("cp", ["--sparse=always", disk.Path, torn.Path], Ct);
        await using var file = new FileStream(torn.Path, FileMode.Open, FileAccess.ReadWrite);
        file.Position = disk.FileSystem == OracleFileSystem.Xfs ? 512 : 4096;
        await file.WriteAsync(new byte[256 << 10], Ct);
        return [.. disks.Select(d => d == disk ? torn : d)];
    }

    private OracleVmOptions Options(IReadOnlyList<OracleDisk> disks, OracleGuest guest) => new()
    {
        Name = "guest", Directory = _directory, Disks = disks, Guest = guest,
        WitnessSocket = Path.Combine(_directory, "wit.sock"),
        Workload = OracleWorkload.Default with { LoadWriters = 3, LoadKind = OracleLoadKind.Mix },
    };

    private async Task<OracleProof> CheckAsync(
        IReadOnlyList<OracleDisk> disks, WitnessHistory heard, long? lostMax = 0)
    {
        var images = disks.Select(d => new OracleImage(d.Path, d.FileSystem)).ToArray();
        var expectation = new OracleExpectation { Witness = heard, LostMax = lostMax, WorkDirectory = _directory };
        var proof = await OracleChecker.CheckAsync(images, expectation, Ct);
        foreach (var line in proof.Lines()) output.WriteLine(line);
        output.WriteLine("");
        return proof;
    }
}
