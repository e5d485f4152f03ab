// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Qemu.Ceph;
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
        var access = new CephAccess(ceph.Cluster.ConfigurationFile, CephCluster.User, TimeSpan.FromSeconds(60));
        return new RbdSnapshots([0, 1], _ => Task.FromResult<IReadOnlyList<RbdDisk>>(
        [
            .. new ushort[] { 0, 1 }.Select(v => new RbdDisk(v, access, CephCluster.Pool, null, Image(v))),
        ]), (run, ct) => run(ct), _ => Task.FromResult<string?>(null), _directory["s-"], TimeProvider.System);
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
