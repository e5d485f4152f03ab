// SPDX-License-Identifier: Apache-2.0
using System.Diagnostics;
using Lifeboat.Contracts.Sites;
using Lifeboat.Protection.Instances;
using Lifeboat.Sites;
using Lifeboat.Sites.OpenStack;
using Lifeboat.Sites.OpenStack.Describing;
using Lifeboat.Sites.OpenStack.Networking;
using Microsoft.Extensions.Logging.Abstractions;

namespace Lifeboat.IntegrationTests.Sites.OpenStack;

/// <summary>An NBD export becomes a server that runs, on a real cloud with its volumes in Ceph.</summary>
public sealed class OpenStackRecovery : IDisposable
{
    private const string Mac = "fa:16:3e:0b:0a:79";
    private const string Address = "192.168.50.79";
    private static readonly TimeSpan BootLimit = TimeSpan.FromMinutes(3);
    private readonly string _folder = Directory.CreateTempSubdirectory("lb-os-").FullName;
    private readonly string _name = $"lb-{Guid.NewGuid().ToString("n")[..8]}";
    private Process? _view;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        _view?.Kill();
        _view?.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task A_view_becomes_a_server_that_boots_once_and_goes_without_a_trace()
    {
        using var session = await Testbed.OpenAsync(Testbed.Member, Ct);
        var cloud = new CloudClients(session);
        using var site = Open();
        var request = Request();
        try
        {
            await TakenAddressIsAGapAsync(cloud, site, request);
            Assert.Empty((await site.FitAsync([request.Description], isolated: false, Ct)).Gaps);
            await site.StartAsync(request, Ct);
            var volume = Assert.Single(await cloud.Cinder.VolumesAsync($"lifeboat/{_name}/vda", Ct));
            // As by a controller that comes back: nothing is made or filled twice.
            using (var again = Open()) await again.StartAsync(request, Ct);
            Assert.Equal(volume.Id,
                Assert.Single(await cloud.Cinder.VolumesAsync($"lifeboat/{_name}/vda", Ct)).Id);
            var start = Stopwatch.GetTimestamp();
            while (!await site.AgentAnswersAsync(_name, Ct))
            {
                Assert.True(Stopwatch.GetElapsedTime(start) < BootLimit, "its guest agent does not answer");
                await Task.Delay(TimeSpan.FromSeconds(1), Ct);
            }
            Assert.Contains(Address, (await site.AddressesAsync(_name, Ct))[Mac]);
            Assert.Equal([Address], await site.AddressesOutsideAsync(_name, Mac, Ct));
            // Its disks can be captured.
            Assert.StartsWith("/machine/", (await site.GetAsync(_name, Ct)).Disks[0].Device);
        }
        finally
        {
            await site.RemoveAsync(_name, CancellationToken.None);
        }
        Assert.Empty(await cloud.Cinder.VolumesAsync($"lifeboat/{_name}/vda", Ct));
        Assert.Empty(await cloud.Neutron.PortsNamedAsync($"lifeboat/{_name}/0", Ct));
        Assert.DoesNotContain(await site.ListAsync(Ct), i => i.Name == _name);
    }

    private async Task TakenAddressIsAGapAsync(CloudClients cloud, OpenStackSite site, StartRequest request)
    {
        var lan = (await cloud.Neutron.NetworksAsync(Ct)).First(n => n.Name == "lan").Id;
        var port = await cloud.Neutron.CreatePortAsync(new NewPort($"{_name}-other", lan)
        {
            FixedIps = [new NeutronFixedIp(null, Address)],
        }, Ct);
        try
        {
            Assert.Contains($"{Address} is taken by port '{_name}-other'",
                Assert.Single((await site.FitAsync([request.Description], isolated: false, Ct)).Gaps));
            // A copy in a bubble has networks of its own.
            Assert.Empty((await site.FitAsync([request.Description], isolated: true, Ct)).Gaps);
        }
        finally
        {
            await cloud.Neutron.DeletePortAsync(port.Id, CancellationToken.None);
        }
    }

    private OpenStackSite Open() => new(new SiteSetting(_folder, Testbed.Options(_folder)), TimeProvider.System,
        NullLoggerFactory.Instance);

    private StartRequest Request()
    {
        (_view, var socket) = OracleView.Serve(_folder);
        return new StartRequest
        {
            Instance = _name,
            Description = OracleView.Describe(_name, new InstanceNic("lan", "virtio", Mac, Address)),
            Disks = [new DiskSource("vda", null, socket, OracleView.Export, KeepWrites: true)],
        };
    }
}
