// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Sites;
using Lifeboat.Protection.Instances;
using Lifeboat.Sites;
using Lifeboat.Sites.OpenStack;
using Lifeboat.Sites.OpenStack.BlockStorage;
using Lifeboat.Sites.OpenStack.Describing;
using Lifeboat.Tests.Sites;
using Microsoft.Extensions.Logging.Abstractions;

namespace Lifeboat.IntegrationTests.Sites.OpenStack;

/// <summary>What every site must do, on a project of a real cloud. A volume that is empty boots nothing, and is enough
/// for all but the shut-down.</summary>
public sealed class OpenStackSiteConformance : SiteConformance, IAsyncLifetime
{
    private readonly string _name = $"lb-{Guid.NewGuid().ToString("n")[..8]}";
    private string _folder = "";
    private CinderVolume? _volume;

    public async ValueTask InitializeAsync()
    {
        using var session = await Testbed.OpenAsync(Testbed.Member, TestContext.Current.CancellationToken);
        await using var test = new TestServer(new CloudClients(session), _name) { KeepsVolumes = true };
        _volume = await test.VolumeAsync("root", 1, "rbd", null, TestContext.Current.CancellationToken);
        // Not before: a test that is skipped or fails in here is not disposed.
        _folder = Directory.CreateTempSubdirectory("lb-os-").FullName;
    }

    public async ValueTask DisposeAsync()
    {
        Directory.Delete(_folder, recursive: true);
        if (_volume is null) return;
        using var session = await Testbed.OpenAsync(Testbed.Member, CancellationToken.None);
        await using var test = new TestServer(new CloudClients(session), _name);
    }

    protected override (ISite Site, SiteTrial Trial) Open()
    {
        var site = new OpenStackSite(new SiteSetting(_folder, Testbed.Options(_folder)), TimeProvider.System,
            NullLoggerFactory.Instance);
        return (site, new SiteTrial
        {
            MakesBubbles = true,
            Start = new StartRequest
            {
                Instance = _name,
                Description = new InstanceDescription
                {
                    Name = _name,
                    Cpus = 1,
                    MemoryMiB = 96,
                    Machine = "pc",
                    Disks = [new InstanceDisk("vda", "virtio", 0, 1 << 30, null)],
                    Nics = [new InstanceNic("lan", "virtio", "fa:16:3e:0b:0a:76", "192.168.50.78")],
                },
                Disks = [new DiskSource("vda", null, null, null, KeepWrites: true) { CloudVolume = _volume!.Id }],
            },
        });
    }
}
