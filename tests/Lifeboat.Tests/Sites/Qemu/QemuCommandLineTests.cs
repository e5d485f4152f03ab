// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Sites;
using Lifeboat.Protection.Instances;
using Lifeboat.Sites;
using Microsoft.Extensions.Logging.Abstractions;

namespace Lifeboat.Tests.Sites.Qemu;

/// <summary>Every bus, card and machine that an adoption can bring is one that the real QEMU starts with.</summary>
public sealed class QemuCommandLineTests : IDisposable
{
    private readonly string _root = Path.Combine(Path.GetTempPath(), $"lb-{Guid.NewGuid().ToString("n")[..8]}");

    [Theory]
    [InlineData("pc", "virtio,scsi,ide,nvme,ide")]
    [InlineData("q35", "ide,ide,nvme,scsi,virtio")]
    [InlineData("pc-q35-7.2", "virtio")]
    public async Task Qemu_starts_with_all_buses_in_the_order_described(string machine, string buses)
    {
        if (!File.Exists("/usr/bin/qemu-system-x86_64")) Assert.Skip("no /usr/bin/qemu-system-x86_64 on this host");
        var ct = TestContext.Current.CancellationToken;
        Directory.CreateDirectory(_root);
        var disks = buses.Split(',')
            .Select((bus, i) => new InstanceDisk($"disk{i}", bus, i, 1 << 20, $"S{i}")).ToList();
        foreach (var disk in disks) await File.WriteAllBytesAsync(FileOf(disk), new byte[1 << 20], ct);
        var site = SiteDrivers.Shipped().Open("qemu", new SiteSetting(_root), TimeProvider.System,
            NullLoggerFactory.Instance);
        var request = new StartRequest
        {
            Instance = "vm1",
            Description = new InstanceDescription
            {
                Name = "vm1",
                Cpus = 2,
                MemoryMiB = 32,
                Machine = machine,
                GuestAgent = true,
                Disks = disks,
                Channels = [new InstanceChannel("a.port", Path.Combine(_root, "nobody.sock"))],
            },
            Disks = [.. disks.Select(d => new DiskSource(d.Name, FileOf(d), null, null, false))],
        };
        try
        {
            var started = await site.StartAsync(request, ct);
            var copy = await ((IAdoptsInstances)Other()).AdoptAsync(
                new AdoptRequest("vm1", started.QmpSocket, started.GuestAgentSocket), ct);
            // What we start and what is read back from it are one description.
            Assert.Equal(disks.OrderBy(d => d.Order), copy.Description.Disks.OrderBy(d => d.Order));
            Assert.Equal(request.Description.Channels, copy.Description.Channels);
            Assert.True(copy.Description.GuestAgent);
            Assert.Equal(2, copy.Description.Cpus);
        }
        finally
        {
            await site.RemoveAsync("vm1", CancellationToken.None);
        }
    }

    [Fact]
    public async Task What_qemu_refuses_is_told_in_its_own_words_and_leaves_no_process()
    {
        if (!File.Exists("/usr/bin/qemu-system-x86_64")) Assert.Skip("no /usr/bin/qemu-system-x86_64 on this host");
        var ct = TestContext.Current.CancellationToken;
        Directory.CreateDirectory(_root);
        var disk = new InstanceDisk("vda", "virtio", 0, 1 << 20, null);
        await File.WriteAllBytesAsync(FileOf(disk), new byte[1 << 20], ct);
        var site = Other();
        var request = new StartRequest
        {
            Instance = "vm1",
            Description = new InstanceDescription
            {
                Name = "vm1", Cpus = 1, MemoryMiB = 32, Machine = "no-such-machine", Disks = [disk],
            },
            Disks = [new DiskSource("vda", FileOf(disk), null, null, false)],
        };
        Assert.Contains((await site.FitAsync([request.Description], isolated: false, ct)).Gaps,
            g => g.StartsWith("vm1: ", StringComparison.Ordinal) && g.Contains("no-such-machine"));
        var refused = await Assert.ThrowsAsync<SiteException>(() => site.StartAsync(request, ct));
        Assert.Equal(SiteFault.Refused, refused.Fault);
        Assert.Contains("unsupported machine type", refused.Message, StringComparison.Ordinal);
        Assert.Equal(InstancePower.Stopped, (await site.GetAsync("vm1", ct)).Power);
    }

    private string FileOf(InstanceDisk disk) => Path.Combine(_root, disk.Name + ".raw");

    private ISite Other() => SiteDrivers.Shipped().Open("qemu", new SiteSetting(Path.Combine(_root, "b")),
        TimeProvider.System, NullLoggerFactory.Instance);

    public void Dispose()
    {
        if (Directory.Exists(_root)) Directory.Delete(_root, recursive: true);
    }
}
