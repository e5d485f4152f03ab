// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Journaling.Storage;
using Lifeboat.Qemu.Ceph;
using Lifeboat.Replication.Replicas;
using Lifeboat.Testing.Ceph;
using Lifeboat.Tests.Volumes.Qemu;
using Lifeboat.Volumes.Files;
using Lifeboat.Volumes.Qemu;
using Lifeboat.Volumes.Qemu.Rbd;

namespace Lifeboat.IntegrationTests.Ceph;

[Collection(CephTests.Name)]
public sealed class RbdReplicaStoreConformance(CephFixture ceph) : DaemonStoreConformance, IAsyncDisposable
{
    protected override IReplicaStore Open() => Store();

    [Fact]
    public async Task Neither_a_group_that_is_deleted_nor_an_image_that_was_half_made_leaves_anything_in_the_pool()
    {
        var before = await ceph.Cluster.ImagesAsync(Ct);
        await (await Open().OpenAsync(Spec(), Ct)).DisposeAsync();
        await (await Open().OpenAsync(Spec() with { Volume = "db1.data1" }, Ct)).DisposeAsync();
        Assert.Equal(before.Count + 2, (await ceph.Cluster.ImagesAsync(Ct)).Count);
        // As a host leaves it that goes down before the image has all of its seed.
        var half = Folder["replicas/shop/base/db1.data2.rbd.new"];
        File.Copy(Folder["replicas/shop/base/db1.data1.rbd"], half);
        File.Delete(Folder["replicas/shop/base/db1.data1.rbd"]);
        await (await Open().OpenAsync(Spec() with { Volume = "db1.data2" }, Ct)).DisposeAsync();
        Assert.Equal(before.Count + 2, (await ceph.Cluster.ImagesAsync(Ct)).Count);

        await Store().DeleteGroupAsync("shop", Ct);
        Assert.Equal(before, await ceph.Cluster.ImagesAsync(Ct));
    }

    [Fact]
    public async Task An_image_that_somebody_removed_is_missed_and_never_taken_for_zeroes()
    {
        await (await Open().OpenAsync(Spec(), Ct)).DisposeAsync();
        var mark = RbdMark.TryRead(Folder["replicas/shop/base/db1.data0.rbd"])!;
        await ceph.Cluster.RbdAsync(["rm", "--no-progress", mark.ToString()], Ct);
        var failure = await Assert.ThrowsAsync<ReplicaStoreException>(() => Open().OpenAsync(Spec(), Ct));
        Assert.Equal(ReplicaStoreFault.Unavailable, failure.Fault);
        Assert.Contains(mark.Image, failure.Message);
        await Open().DeleteAsync(Spec(), Ct);
    }

    [Fact]
    public async Task A_pool_that_is_not_there_is_said_with_what_makes_it()
    {
        var store = Store(pool: "nowhere");
        var failure = await Assert.ThrowsAsync<ReplicaStoreException>(() => store.OpenAsync(Spec(), Ct));
        Assert.Equal(ReplicaStoreFault.Unavailable, failure.Fault);
        Assert.Contains("ceph osd pool create nowhere", failure.Message);
        Assert.Equal(failure.Fault,
            (await Assert.ThrowsAsync<ReplicaStoreException>(() => store.FreeBytesAsync(Ct))).Fault);
    }

    [Fact]
    public async Task A_cluster_that_does_not_answer_is_said_in_time()
    {
        var nobody = Put("nobody.conf", "[global]\nmon_host = [v2:127.0.0.1:9]\nkeyring = /dev/null\n"u8.ToArray());
        if (CephCluster.Missing is { } missing) Assert.Skip(missing);
        var started = TimeProvider.System.GetTimestamp();
        var failure = await Assert.ThrowsAsync<ReplicaStoreException>(
            () => Store(configuration: nobody).OpenAsync(Spec(), Ct));
        Assert.Equal(ReplicaStoreFault.Unavailable, failure.Fault);
        Assert.Contains(nobody, failure.Message);
        Assert.InRange(TimeProvider.System.GetElapsedTime(started).TotalSeconds, 0, 15);
    }

    [Fact]
    public async Task Without_settings_what_is_in_a_pool_is_missed_and_what_is_in_a_file_is_not()
    {
        await (await Open().OpenAsync(Spec(), Ct)).DisposeAsync();
        await (await new FileReplicaStore(Folder["replicas"]).OpenAsync(Spec() with { Volume = "raw" }, Ct))
            .DisposeAsync();
        var store = new QemuReplicaStore(
            Folder["replicas"], Folder["run"], TimeProvider.System, BaseImageForm.Raw);
        await (await store.OpenAsync(Spec() with { Volume = "raw" }, Ct)).DisposeAsync();
        var failure = await Assert.ThrowsAsync<ReplicaStoreException>(() => store.OpenAsync(Spec(), Ct));
        Assert.Contains("site.json", failure.Message);
    }

    public async ValueTask DisposeAsync()
    {
        if (CephCluster.Missing is null)
            await Store().DeleteGroupAsync("shop", Ct);
        Folder.Dispose();
    }

    private QemuReplicaStore Store(string pool = CephCluster.Pool, string? configuration = null) =>
        new(Folder["replicas"], Folder["run"], TimeProvider.System, BaseImageForm.Rbd,
            new RbdPool(new CephAccess(configuration ?? ceph.Cluster.ConfigurationFile, CephCluster.User,
                TimeSpan.FromSeconds(configuration is null ? 60 : 2)), pool, null));
}
