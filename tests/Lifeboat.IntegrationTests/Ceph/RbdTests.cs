// SPDX-License-Identifier: Apache-2.0
using System.Text.Json;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Agents;
using Lifeboat.Contracts.Sites;
using Lifeboat.IntegrationTests.Agents;
using Lifeboat.IntegrationTests.Capture;
using Lifeboat.Protection.Policies;
using Lifeboat.Testing.Ceph;

namespace Lifeboat.IntegrationTests.Ceph;

/// <summary>
/// Disks in a real Ceph cluster that are read in moments by snapshots of their images, into a replica whose base images
/// are in the cluster too.
/// </summary>
[Collection(CephTests.Name)]
public sealed class RbdTests(CephFixture fixture) : TwoAgents
{
    private static readonly CancellationToken None = CancellationToken.None;
    private readonly string _images = $"moments-{Guid.NewGuid():n}";

    [Fact]
    public async Task What_differs_between_two_snapshots_is_sent_also_when_agent_and_instance_were_gone()
    {
        var ceph = fixture.Cluster;
        var others = await ceph.ImagesAsync(None);
        await using var vm = await ProtectAsync(ceph, MomentTrigger.Periodic);
        await AssertPointIsTheImagesAsync(ceph);

        // The same 64 KiB again and again, and 4 KiB elsewhere.
        for (byte i = 0; i < 8; i++) await vm.Qemu.WriteAsync(1, (byte)(0x20 + i), 2 << 20, 64 << 10);
        await vm.Qemu.WriteAsync(0, 0x33, 5 << 20, 4096);
        await AssertPointIsTheImagesAsync(ceph);
        var after = await A.Client.SourceAsync(ProtectedQemu.Group, None);
        Assert.Equal((ResyncKind.ChangeMap, (64L << 10) + 4096), (after.LastResync, after.Moments!.LastBytes));

        // A storage keeps its snapshots when the agent and QEMU are killed.
        await A.StopAsync();
        await vm.Qemu.WriteAsync(0, 0x44, 12 << 20, 128 << 10);
        await vm.Qemu.KillAsync();
        await using var again = await BareQemu.StartAsync(vm.Qemu.Directory, 2, ProtectedQemu.DiskBytes,
            elsewhere: d => Drive(ceph, d));
        await again.WriteAsync(1, 0x55, 20 << 20, 64 << 10);
        await A.StartAsync();
        await AssertPointIsTheImagesAsync(ceph);
        after = await A.Client.SourceAsync(ProtectedQemu.Group, None);
        Assert.Equal(ResyncKind.ChangeMap, after.LastResync);
        Assert.InRange(after.Moments!.LastBytes, 0, 192 << 10);

        Assert.All(await SnapshotsAsync(ceph), s => Assert.Matches("^lifeboat-[0-9a-f]{8}-[0-9]+$", s));
        await A.Client.DeleteSourceAsync(ProtectedQemu.Group, true, None);
        Assert.Empty(await SnapshotsAsync(ceph));
        Assert.Equal(others.Count + 4, (await ceph.ImagesAsync(None)).Count);
        await B.Client.DeleteReplicaAsync(ProtectedQemu.Group, None);
        Assert.Equal(others.Count + 2, (await ceph.ImagesAsync(None)).Count);
    }

    [Fact]
    public async Task Images_of_an_instance_that_is_shut_down_make_a_point_unless_somebody_else_has_them()
    {
        var ceph = fixture.Cluster;
        await using var vm = await ProtectAsync(ceph, MomentTrigger.OnShutdown);
        var first = await ProtectedQemu.WaitAsync(A, s => s.LastSealed is not null && s.Moments!.UnderWay is null);
        await vm.Qemu.WriteAsync(1, 0x22, 2 << 20, 64 << 10);
        // It runs elsewhere, of which nobody tells this agent, as after a migration.
        await using (await BareQemu.StartAsync(Directory.CreateDirectory(Path.Combine(A.Paths.Root, "vm")).FullName, 2,
            ProtectedQemu.DiskBytes, elsewhere: d => Drive(ceph, d)))
        {
            await vm.Qemu.KillAsync();
            var waits = await ProtectedQemu.WaitAsync(A, s => s.Moments!.GivenUp > 0);
            Assert.Equal(first.LastSealed!.Id, waits.LastSealed!.Id);
            Assert.Contains("its instance is not shut down", waits.Moments!.Failure, StringComparison.Ordinal);
        }
        var left = await ProtectedQemu.WaitAsync(A, s => s.LastSealed!.Id != first.LastSealed!.Id
            && s.Moments!.UnderWay is null);
        Assert.Equal((ResyncKind.ChangeMap, 64L << 10), (left.LastResync, left.Moments!.LastBytes));
        await AssertPointIsTheImagesAsync(ceph);
        await A.Client.DeleteSourceAsync(ProtectedQemu.Group, true, None);
        await B.Client.DeleteReplicaAsync(ProtectedQemu.Group, None);
        Assert.Empty(await SnapshotsAsync(ceph));
    }

    private async Task<ProtectedQemu> ProtectAsync(CephCluster ceph, MomentTrigger trigger)
    {
        for (var disk = 0; disk < 2; disk++)
            await ceph.RbdAsync(["create", "--size", $"{ProtectedQemu.DiskBytes}B", Image(disk)], None);
        await UseRbdAsync(ceph);
        var vm = await ProtectedQemu.StartAsync(2, elsewhere: d => Drive(ceph, d));
        await vm.Qemu.WriteAsync(0, 0x11, 1 << 20, 8 << 20);
        var spec = vm.SourceSpec(B.Name, B.LinkAddress);
        await B.Client.PutReplicaAsync(vm.ReplicaSpec(A.Name), None);
        await A.Client.PutSourceAsync(spec with
        {
            Policy = spec.Policy with
            {
                Source = ChangeSource.SnapshotDiff, SourcePeriod = TimeSpan.FromHours(1), SourceTrigger = trigger,
                RpoTarget = TimeSpan.FromHours(2),
            },
        }, None);
        return vm;
    }

    private async Task UseRbdAsync(CephCluster ceph)
    {
        var configuration = SiteConfiguration.Read(B.Paths.Root) with
        {
            ReplicaFormat = "rbd",
            Rbd = new RbdSettings
            {
                Pool = CephCluster.Pool, ConfigurationFile = ceph.ConfigurationFile, AnswerSeconds = 60,
            },
        };
        await File.WriteAllTextAsync(
            B.Paths.Configuration, JsonSerializer.Serialize(configuration, ContractJson.Options), None);
    }

    private async Task AssertPointIsTheImagesAsync(CephCluster ceph)
    {
        await ProtectedQemu.WaitAsync(A, s => s.Phase == SourcePhase.Streaming);
        var made = await A.Client.CheckpointAsync(
            ProtectedQemu.Group, new CheckpointRequest(false, false, "test", TimeSpan.FromSeconds(60)), None);
        Assert.True(made.Sealed);
        var view = await B.Client.OpenViewAsync(
            ProtectedQemu.Group, new ViewRequest("compare", made.Point.Id, null, false), None);
        foreach (var volume in view.Volumes)
        {
            var file = Path.Combine(A.Paths.Root, "export");
            await ceph.RbdAsync(["export", "--no-progress", Image(volume.Index), file], None);
            var disk = await File.ReadAllBytesAsync(file, None);
            File.Delete(file);
            var point = await ProtectedQemu.ReadAsync(volume);
            Assert.True(disk.AsSpan().SequenceEqual(point), $"{volume.Name} differs");
        }
        await B.Client.CloseViewAsync(ProtectedQemu.Group, "compare", None);
        // A point is sealed before its moment is forgotten, which takes a storage its time.
        await ProtectedQemu.WaitAsync(A, s => s.Moments!.UnderWay is null);
    }

    private async Task<List<string>> SnapshotsAsync(CephCluster ceph)
    {
        var names = new List<string>();
        for (var disk = 0; disk < 2; disk++)
        {
            using var told = JsonDocument.Parse(
                await ceph.RbdAsync(["snap", "ls", Image(disk), "--format", "json"], None));
            names.AddRange(told.RootElement.EnumerateArray().Select(s => s.GetProperty("name").GetString()!));
        }
        return names;
    }

    private string Image(int disk) => $"{CephCluster.Pool}/{_images}-{disk}";

    private string Drive(CephCluster ceph, int disk) =>
        $"rbd:{Image(disk)}:conf={ceph.ConfigurationFile}:id={CephCluster.User}";
}
