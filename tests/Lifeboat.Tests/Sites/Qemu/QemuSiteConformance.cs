// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Sites;
using Lifeboat.Protection.Instances;
using Lifeboat.Sites;
using Microsoft.Extensions.Logging.Abstractions;

namespace Lifeboat.Tests.Sites.Qemu;

/// <summary>
/// The driver on real QEMU processes, without an operating system in them: what needs one is in the integration tests.
/// </summary>
public sealed class QemuSiteConformance : SiteConformance, IDisposable
{
    private readonly string _root = Path.Combine(Path.GetTempPath(), $"lb-{Guid.NewGuid().ToString("n")[..8]}");

    protected override (ISite Site, SiteTrial Trial) Open()
    {
        if (!File.Exists("/usr/bin/qemu-system-x86_64")) Assert.Skip("no /usr/bin/qemu-system-x86_64 on this host");
        if (Environment.UserName != "root") Assert.Skip("networks of the driver need root");
        Directory.CreateDirectory(_root);
        var image = Path.Combine(_root, "vda.raw");
        using (var file = File.Create(image)) file.SetLength(1 << 20);
        var site = SiteDrivers.Shipped().Open("qemu", new SiteSetting(_root), TimeProvider.System,
            NullLoggerFactory.Instance);
        return (site, new SiteTrial
        {
            MakesBubbles = true,
            Start = new StartRequest
            {
                Instance = "vm1",
                Description = new InstanceDescription
                {
                    Name = "vm1",
                    Cpus = 1,
                    MemoryMiB = 32,
                    GuestAgent = true,
                    Disks = [new InstanceDisk("vda", "virtio", 0, 1 << 20, "S1")],
                    Nics = [new InstanceNic("default", "virtio", "52:54:00:00:00:01", "192.168.77.10")],
                },
                Disks = [new DiskSource("vda", image, null, null, KeepWrites: false)],
            },
        });
    }

    public void Dispose()
    {
        if (Directory.Exists(_root)) Directory.Delete(_root, recursive: true);
    }
}
