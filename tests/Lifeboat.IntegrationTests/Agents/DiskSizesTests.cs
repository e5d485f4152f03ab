// SPDX-License-Identifier: Apache-2.0
using System.Diagnostics;
using System.Net.Sockets;
using Lifeboat.Contracts.Agents;
using Lifeboat.IntegrationTests.Capture;
using Lifeboat.Nbd;
using Lifeboat.Protection;
using Lifeboat.Protection.Policies;

namespace Lifeboat.IntegrationTests.Agents;

/// <summary>The smallest and the longest disk, blocks of 512 and of 4096 bytes: synced, streamed, read back.</summary>
public sealed class DiskSizesTests(ITestOutputHelper output) : TwoAgents
{
    private const string Group = ProtectedQemu.Group;
    private static readonly CancellationToken None = CancellationToken.None;

    [Theory]
    [InlineData(1L << 20, 512)]
    [InlineData(1L << 20, 4096)]
    [InlineData(1L << 40, 512)]
    [InlineData((1L << 44) - 4096, 4096)] // 16 TiB: as long as a file may be on ext4
    public async Task A_disk_of_any_size_is_copied_and_its_ends_are_in_its_point(long sizeBytes, int blockBytes)
    {
        if (!CanBe(sizeBytes)) Assert.Skip($"{Path.GetTempPath()} has no files of {sizeBytes} bytes");
        var directory = Directory.CreateTempSubdirectory("lb-size").FullName;
        var qemu = await BareQemu.StartAsync(directory, 1, sizeBytes, scsi: true, blockBytes: blockBytes);
        try
        {
            await qemu.WriteAsync(0, 0x21, 0, 4096);
            await qemu.WriteAsync(0, 0x22, sizeBytes - 4096, 4096);
            var started = Stopwatch.GetTimestamp();
            await ProtectAsync(qemu, sizeBytes);
            output.WriteLine($"{sizeBytes} bytes in blocks of {blockBytes}: streams after "
                + $"{Stopwatch.GetElapsedTime(started).TotalSeconds:0.0} s");
            await qemu.WriteAsync(0, 0x23, sizeBytes / 2 / 4096 * 4096, blockBytes);
            var made = await A.Client.CheckpointAsync(
                Group, new CheckpointRequest(false, false, null, TimeSpan.FromSeconds(30)), None);
            var view = await B.Client.OpenViewAsync(Group, new ViewRequest("ends", made.Point.Id, null, false), None);
            await using var nbd = await NbdClient.ConnectAsync(new UnixDomainSocketEndPoint(view.Volumes[0].Socket),
                new NbdClientOptions { Export = view.Volumes[0].Export }, None);
            var block = new byte[4096];
            foreach (var (at, pattern) in new[]
                { (0L, 0x21), (sizeBytes - 4096, 0x22), (sizeBytes / 2 / 4096 * 4096, 0x23) })
            {
                await nbd.ReadAsync(at, block, None);
                Assert.Equal(pattern, block[blockBytes - 1]);
            }
        }
        finally
        {
            await qemu.DisposeAsync();
            Directory.Delete(directory, recursive: true);
        }
    }

    private static bool CanBe(long sizeBytes)
    {
        var file = Path.GetTempFileName();
        try
        {
            using var handle = File.OpenHandle(file, FileMode.Open, FileAccess.ReadWrite);
            RandomAccess.SetLength(handle, sizeBytes);
            return true;
        }
        catch (IOException)
        {
            return false;
        }
        finally
        {
            File.Delete(file);
        }
    }

    private async Task ProtectAsync(BareQemu qemu, long sizeBytes)
    {
        await B.Client.PutReplicaAsync(new ReplicaSpec
        {
            Group = Group, PrimarySite = A.Name, Epoch = Epoch.First, Retention = TimeSpan.FromHours(1),
            Volumes = [new ReplicaVolume(0, "vm.disk0", sizeBytes)],
        }, None);
        await A.Client.PutSourceAsync(new SourceSpec
        {
            Group = Group, RecoverySite = B.Name, Epoch = Epoch.First, Target = B.LinkAddress,
            Volumes = [new SourceVolume(0, "vm.disk0", "vm", qemu.QmpSocket, "front0", sizeBytes)],
            Instances = [new SourceInstance("vm", qemu.QmpSocket, null)],
            Policy = Policy.Default,
        }, None);
        await ProtectedQemu.WaitAsync(A, s => s.Phase == SourcePhase.Streaming);
    }
}
