// SPDX-License-Identifier: Apache-2.0
using System.Diagnostics;
using Lifeboat.Journaling.Storage;
using Lifeboat.Replication.Replicas;
using Lifeboat.Tests.Volumes.Files;
using Lifeboat.Volumes.Files;
using Lifeboat.Volumes.Qemu;

namespace Lifeboat.Tests.Volumes.Qemu;

public sealed class QemuReplicaStoreConformance : ReplicaStoreConformance, IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    protected override IReplicaStore Open() =>
        new QemuReplicaStore(
            _directory["replicas"], _directory["run"], TimeProvider.System, BaseImageForm.Qcow2);

    protected override string Put(string name, byte[] content)
    {
        File.WriteAllBytes(_directory[name], content);
        return _directory[name];
    }

    [Fact]
    public async Task A_daemon_that_is_killed_is_started_anew_and_the_next_flush_says_so_once()
    {
        await using var image = (QemuBaseImage)await Open().OpenAsync(Spec(), Ct);
        await image.WriteAsync(0, Filled(4096, 1), Ct);
        await image.FlushAsync(Ct);
        await image.WriteAsync(4096, Filled(4096, 2), Ct);
        Kill(image.DaemonProcess);
        var lost = 0;
        for (var tries = 0; tries < 50; tries++)
        {
            try
            {
                await image.WriteAsync(4096, Filled(4096, 3), Ct);
                await image.FlushAsync(Ct);
                break;
            }
            catch (StorageException)
            {
                lost++;
            }
        }
        Assert.InRange(lost, 1, 3);
        var bytes = await ReadAsync(image);
        Assert.Equal([1, 3, 0], new[] { bytes[0], bytes[4096], bytes[8192] });
    }

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
        var images = new ImpatientImages(new Qcow2Images(_directory["replicas"]));
        Directory.CreateDirectory(_directory["run"]);
        await images.CreateAsync(Spec(), null, Ct);
        await using var image = await QemuBaseImage.OpenAsync(Spec(), images, async ct =>
        {
            var node = await images.NodeAsync(Spec(), ct);
            node["node-name"] = StorageDaemon.Export;
            return await StorageDaemon.StartAsync(
                node.ToJsonString(), _directory["run/base"], writable: true, TimeProvider.System, ct);
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
        await using (var raw = await new FileReplicaStore(_directory["replicas"]).OpenAsync(Spec(), Ct))
        {
            await raw.WriteAsync(0, Filled(512, 9), Ct);
            await raw.FlushAsync(Ct);
        }
        await using var image = await Open().OpenAsync(Spec(), Ct);
        Assert.Equal(9, (await ReadAsync(image))[0]);
        Assert.False(File.Exists(_directory["replicas/shop/base/db1.data0.qcow2"]));
    }

    public void Dispose() => _directory.Dispose();

    private static void Stop(int pid)
    {
        const int stop = 19;
        Assert.Equal(0, Posix.Kill(pid, stop));
    }

    private static void Kill(int pid)
    {
        using var process = Process.GetProcessById(pid);
        process.Kill();
        process.WaitForExit();
    }
}
