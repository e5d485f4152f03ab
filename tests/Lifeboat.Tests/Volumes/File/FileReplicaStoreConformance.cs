// SPDX-License-Identifier: Apache-2.0
using System.Diagnostics;
using Lifeboat.Replication.Replicas;
using Lifeboat.Volumes.Files;

namespace Lifeboat.Tests.Volumes.Files;

public sealed class FileReplicaStoreConformance : ReplicaStoreConformance, IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    protected override IReplicaStore Open() => new FileReplicaStore(_directory["replicas"]);

    protected override string Put(string name, byte[] content)
    {
        System.IO.File.WriteAllBytes(_directory[name], content);
        return _directory[name];
    }

    [Fact]
    public async Task A_qcow2_seed_is_converted()
    {
        var raw = Put("plain.raw", Filled(Size, 8));
        var seed = _directory["old.qcow2"];
        await RunAsync("qemu-img", "convert", "-f", "raw", "-O", "qcow2", raw, seed);
        await using var image = await Open().OpenAsync(Spec(seed), Ct);
        Assert.Equal(Filled(Size, 8), await ReadAsync(image));
    }

    [Fact]
    public async Task The_format_that_is_told_counts_more_than_the_name()
    {
        var raw = Put("told.raw", Filled(Size, 9));
        var seed = Path.Combine(Path.GetDirectoryName(raw)!, "told.img");
        await RunAsync("qemu-img", "convert", "-f", "raw", "-O", "qcow2", raw, seed);
        await using var image = await Open().OpenAsync(Spec(seed) with { SeedFormat = "qcow2" }, Ct);
        Assert.Equal(Filled(Size, 9), await ReadAsync(image));
    }

    [Fact]
    public async Task A_raw_seed_that_pretends_to_be_another_format_is_raw()
    {
        var raw = Put("plain.raw", Filled(Size, 8));
        var header = _directory["trap.qcow2"];
        await RunAsync("qemu-img", "create", "-f", "qcow2", "-F", "raw", "-b", raw, header);
        var trap = System.IO.File.ReadAllBytes(header);
        var seed = Put("trap.raw", trap);

        await using var image = await Open().OpenAsync(Spec(seed), Ct);
        Assert.Equal(trap.AsSpan(0, 4096).ToArray(), (await ReadAsync(image)).AsSpan(0, 4096).ToArray());
    }

    [Theory]
    [InlineData(Size)]
    [InlineData(Size / 2)]
    [InlineData(Size + 65536)]
    public async Task A_seed_is_copied_once_into_a_target_and_not_beyond_the_volume(int seedBytes)
    {
        var target = Put("disk.raw", Filled(Size + 4096, 1));
        var seed = Put("old.raw", Filled(seedBytes, 5));
        var covered = Math.Min(Size, seedBytes);
        await using (var image = await Open().OpenAsync(Spec(seed, target), Ct))
        {
            Assert.Equal(-1, (await ReadAsync(image)).AsSpan(0, covered).IndexOfAnyExcept((byte)5));
            await image.WriteAsync(0, Filled(512, 6), Ct);
            await image.FlushAsync(Ct);
        }
        await using var again = await Open().OpenAsync(Spec(seed, target), Ct);
        Assert.Equal(6, (await ReadAsync(again))[0]);
        Assert.Equal(1, System.IO.File.ReadAllBytes(target)[Size]);
        Assert.Equal(Size + 4096, new FileInfo(target).Length);
    }

    [Fact]
    public async Task A_broken_seed_leaves_no_image_behind()
    {
        var seed = Put("broken.qcow2", Filled(5000, 1));
        var failure = await Assert.ThrowsAsync<ReplicaStoreException>(() => Open().OpenAsync(Spec(seed), Ct));
        Assert.Equal(ReplicaStoreFault.SeedUnreadable, failure.Fault);
        Assert.Contains("broken.qcow2", failure.Message);
        Assert.False(System.IO.File.Exists(_directory["replicas/shop/base/db1.data0.raw"]));
    }

    [Fact]
    public async Task Images_take_only_the_room_of_what_is_written()
    {
        await using (var image = await Open().OpenAsync(Spec(), Ct))
        {
            await image.WriteAsync(0, Filled(Size, 1), Ct);
            await image.FlushAsync(Ct);
            await image.ZeroAsync(0, Size, Ct);
            await image.FlushAsync(Ct);
        }
        var blocks = await RunAsync("stat", "-c", "%b", _directory["replicas/shop/base/db1.data0.raw"]);
        Assert.True(int.Parse(blocks) < 64, $"{blocks} blocks");
    }

    [Fact]
    public async Task A_block_device_is_a_target_with_its_own_size()
    {
        var backing = Put("device.raw", Filled(2 * Size, 1));
        var device = (await TryRunAsync("losetup", "--find", "--show", backing))?.Trim();
        if (device is null) Assert.Skip("no loop devices here (needs root and the loop driver)");
        try
        {
            await using (var image = await Open().OpenAsync(Spec(target: device), Ct))
            {
                await image.WriteAsync(512, Filled(1000, 2), Ct);
                await image.ZeroAsync(65536, 65536, Ct);
                await image.ZeroAsync(200000, 777, Ct);
                await image.FlushAsync(Ct);
                var bytes = await ReadAsync(image);
                Assert.Equal(2, bytes[512]);
                Assert.Equal(-1, bytes.AsSpan(65536, 65536).IndexOfAnyExcept((byte)0));
                Assert.Equal(-1, bytes.AsSpan(200000, 777).IndexOfAnyExcept((byte)0));
                Assert.Equal([1, 1], [bytes[199999], bytes[200777]]);
            }
            var seed = Put("old.raw", Filled(Size, 5));
            await using (var seeded = await Open().OpenAsync(Spec(seed, device), Ct))
                Assert.Equal(Filled(Size, 5), await ReadAsync(seeded));
            var large = new BaseImageSpec("shop", "large", 3 * Size, null, device);
            var failure = await Assert.ThrowsAsync<ReplicaStoreException>(() => Open().OpenAsync(large, Ct));
            Assert.Equal(ReplicaStoreFault.TargetTooSmall, failure.Fault);
            Assert.Contains($"{2 * Size}", failure.Message);
        }
        finally
        {
            await RunAsync("losetup", "--detach", device);
        }
    }

    public void Dispose() => _directory.Dispose();

    private static async Task<string?> TryRunAsync(string program, params string[] arguments)
    {
        try
        {
            using var process = Process.Start(new ProcessStartInfo(program, arguments)
            {
                RedirectStandardOutput = true, RedirectStandardError = true,
            })!;
            var said = await process.StandardOutput.ReadToEndAsync();
            await process.WaitForExitAsync();
            return process.ExitCode == 0 ? said : null;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return null;
        }
    }

    private static async Task<string> RunAsync(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true })!;
        var said = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.Equal(0, process.ExitCode);
        return said;
    }
}
