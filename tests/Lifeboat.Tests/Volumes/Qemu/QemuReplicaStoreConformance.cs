// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Journaling.Storage;
using Lifeboat.Replication.Replicas;
using Lifeboat.Volumes.Files;
using Lifeboat.Volumes.Qemu;

namespace Lifeboat.Tests.Volumes.Qemu;

public sealed class QemuReplicaStoreConformance : DaemonStoreConformance, IDisposable
{
    protected override IReplicaStore Open() =>
        new QemuReplicaStore(
            Folder["replicas"], Folder["run"], TimeProvider.System, BaseImageForm.Qcow2);

    [Fact]
    public async Task A_daemon_that_a_killed_agent_has_left_does_not_keep_the_next_one_out()
    {
        var left = await Open().OpenAsync(Spec(), Ct);
        await left.WriteAsync(0, Filled(512, 4), Ct);
        await using var image = await Open().OpenAsync(Spec(), Ct);
        Assert.Equal(4, (await ReadAsync(image))[0]);
        await left.DisposeAsync();
    }

    [Fact]
    public async Task A_daemon_that_does_not_answer_in_time_is_ended_and_what_was_asked_of_it_fails_or_is_read_anew()
    {
        var images = new ImpatientImages(new Qcow2Images(Folder["replicas"]));
        Directory.CreateDirectory(Folder["run"]);
        await images.CreateAsync(Spec(), null, Ct);
        await using var image = await QemuBaseImage.OpenAsync(Spec(), images, async ct =>
        {
            var node = await images.NodeAsync(Spec(), ct);
            node["node-name"] = StorageDaemon.Export;
            return await StorageDaemon.StartAsync(
                node.ToJsonString(), Folder["run/base"], writable: true, TimeProvider.System, ct);
        }, TimeProvider.System, Ct);
        await image.WriteAsync(0, Filled(4096, 1), Ct);
        await image.FlushAsync(Ct);

        var first = image.DaemonProcess;
        Stop(first);
        Assert.Equal(1, (await ReadAsync(image))[0]);
        Assert.NotEqual(first, image.DaemonProcess);
        Stop(image.DaemonProcess);
        await Assert.ThrowsAsync<StorageException>(async () => await image.WriteAsync(0, Filled(4096, 2), Ct));
        await image.WriteAsync(0, Filled(4096, 3), Ct);
        await image.FlushAsync(Ct);
        Assert.Equal(3, (await ReadAsync(image))[0]);
    }

    [Fact]
    public async Task What_the_file_driver_made_stays_with_it()
    {
        await using (var raw = await new FileReplicaStore(Folder["replicas"]).OpenAsync(Spec(), Ct))
        {
            await raw.WriteAsync(0, Filled(512, 9), Ct);
            await raw.FlushAsync(Ct);
        }
        await using var image = await Open().OpenAsync(Spec(), Ct);
        Assert.Equal(9, (await ReadAsync(image))[0]);
        Assert.False(File.Exists(Folder["replicas/shop/base/db1.data0.qcow2"]));
    }

    public void Dispose() => Folder.Dispose();

    private static void Stop(int pid)
    {
        const int stop = 19;
        Assert.Equal(0, Posix.Kill(pid, stop));
    }
}
