// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Sites;
using Lifeboat.Protection.Instances;
using Lifeboat.Sites;
using Lifeboat.Testing.Sites;

namespace Lifeboat.Tests.Sites;

public sealed class SimulatedSiteConformance : SiteConformance
{
    protected override (ISite Site, SiteTrial Trial) Open() => (new SimulatedSite("a", TimeProvider.System), Trial);

    private static SiteTrial Trial => new()
    {
        GuestShutsDown = true,
        MakesBubbles = true,
        Start = new StartRequest
        {
            Instance = "vm1",
            Description = new InstanceDescription
            {
                Name = "vm1",
                Cpus = 1,
                MemoryMiB = 128,
                Disks = [new InstanceDisk("vda", "virtio", 0, 1 << 20, null)],
                Nics = [new InstanceNic("default", "virtio", "52:54:00:00:00:01", null)],
            },
            Disks = [new DiskSource("vda", null, "/view.sock", "vda", KeepWrites: true)],
        },
    };

    [Fact]
    public async Task A_planned_fault_hits_once_and_every_call_is_recorded()
    {
        var ct = TestContext.Current.CancellationToken;
        var site = new SimulatedSite("a", TimeProvider.System);
        site.FailNext(nameof(ISite.StartAsync), SiteFault.NoSpace, afterEffect: true);

        var lost = await Assert.ThrowsAsync<SiteException>(() => site.StartAsync(Trial.Start, ct));
        Assert.Equal(SiteFault.NoSpace, lost.Fault);
        Assert.Equal(InstancePower.Running, (await site.StartAsync(Trial.Start, ct)).Power);

        await site.MoveToNativeAsync("vm1", new Progress<double>(), ct);
        Assert.All((await site.GetAsync("vm1", ct)).Disks, d => Assert.True(d.Native));
        Assert.Equal(["StartAsync vm1", "StartAsync vm1", "MoveToNativeAsync vm1", "GetAsync vm1"], site.Calls);
    }
}
