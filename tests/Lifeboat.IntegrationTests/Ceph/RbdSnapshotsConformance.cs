// SPDX-License-Identifier: Apache-2.0
using System.Text.Json;
using Lifeboat.Qemu.Ceph;
using Lifeboat.Replication.Capture;
using Lifeboat.Replication.Moments.Snapshots;
using Lifeboat.Testing.Ceph;
using Lifeboat.Testing.Oracle;
using Lifeboat.Tests.Volumes;
using Lifeboat.Tests.Volumes.Files;
using Lifeboat.Volumes.Qemu.Rbd;

namespace Lifeboat.IntegrationTests.Ceph;

[Collection(CephTests.Name)]
public sealed class RbdSnapshotsConformance(CephFixture ceph) : DiskSnapshotsConformance, IDisposable
{
    private readonly TemporaryDirectory _directory = new();
    private readonly string _images = $"snap-{Guid.NewGuid():n}";
    private byte _writes;

    protected override int SizeBytes => 16 << 20;

    protected override async Task<IDiskSnapshots> OpenAsync()
    {
        foreach (var volume in new ushort[] { 0, 1 })
            await ceph.Cluster.RbdAsync(
                ["create", "--size", $"{SizeBytes}B", $"{CephCluster.Pool}/{Image(volume)}"], Ct);
        return Open(instanceIsGone: false);
    }

    private RbdSnapshots Open(bool instanceIsGone)
    {
        var access = new CephAccess(ceph.Cluster.ConfigurationFile, CephCluster.User, TimeSpan.FromSeconds(60));
        Func<CancellationToken, Task<IReadOnlyList<RbdDisk>>> there = _ => Task.FromResult<IReadOnlyList<RbdDisk>>(
        [
            .. new ushort[] { 0, 1 }.Select(v => new RbdDisk(v, access, CephCluster.Pool, null, Image(v))),
        ]);
        return new RbdSnapshots([0, 1], instanceIsGone ? _ => throw new TapException(TapFault.InstanceGone, "test")
            : there, there, (run, ct) => run(ct), _ => Task.FromResult<string?>(null), _directory["s-"],
            TimeProvider.System);
    }

    // As Cinder deletes a volume whose image has snapshots, and one without.
    [Fact]
    public async Task Images_that_were_deleted_with_their_instance_are_let_go_of_also_where_they_lie_in_the_trash()
    {
        await using (var disks = await OpenAsync()) await disks.TakeAsync("one", Ct);
        await ceph.Cluster.RbdAsync(["trash", "mv", $"{CephCluster.Pool}/{Image(0)}"], Ct);
        await ceph.Cluster.RbdAsync(["snap", "purge", "--no-progress", $"{CephCluster.Pool}/{Image(1)}"], Ct);
        await ceph.Cluster.RbdAsync(["rm", "--no-progress", $"{CephCluster.Pool}/{Image(1)}"], Ct);
        await using var left = Open(instanceIsGone: true);
        Assert.Equal(["one"], await left.ListAsync(0, Ct));
        Assert.Empty(await left.ListAsync(1, Ct));
        foreach (var volume in left.Volumes) await left.RemoveAsync(volume, "one", Ct);
        Assert.Empty(await left.ListAsync(0, Ct));
        await Assert.ThrowsAsync<TapException>(() => left.TakeAsync("two", Ct));
        using var trash = JsonDocument.Parse(
            await ceph.Cluster.RbdAsync(["trash", "ls", "--format", "json", "--pool", CephCluster.Pool], Ct));
        var id = trash.RootElement.EnumerateArray().Single(i => i.GetProperty("name").GetString() == Image(0))
            .GetProperty("id").GetString()!;
        await ceph.Cluster.RbdAsync(["trash", "rm", "--no-progress", "--pool", CephCluster.Pool, id], Ct);
    }

    protected override Task WriteAsync(ushort volume, int offset, int length) =>
        IoAsync(volume, $"write -P {++_writes} {offset} {length}");

    protected override Task DiscardAsync(ushort volume, int offset, int length) =>
        IoAsync(volume, $"discard {offset} {length}");

    protected override async Task<byte[]> ContentAsync(ushort volume)
    {
        var file = _directory[$"content{volume}"];
        File.Delete(file);
        await ceph.Cluster.RbdAsync(["export", "--no-progress", $"{CephCluster.Pool}/{Image(volume)}", file], Ct);
        return await File.ReadAllBytesAsync(file, Ct);
    }

    public void Dispose() => _directory.Dispose();

    private Task IoAsync(ushort volume, string command) => HostCommand.MustAsync("qemu-io",
        ["-f", "raw", "-d", "unmap", "-c", command,
            $"rbd:{CephCluster.Pool}/{Image(volume)}:conf={ceph.Cluster.ConfigurationFile}"], Ct);

    private string Image(ushort volume) => $"{_images}-{volume}";
}
