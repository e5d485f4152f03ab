// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Sites;
using Lifeboat.Sites;
using Lifeboat.Testing.Oracle;

namespace Lifeboat.IntegrationTests.Sites;

/// <summary>The embedded site with a real guest: what the acceptance checks cannot see without one.</summary>
public sealed class QemuSiteGuestTests(ITestOutputHelper output)
{
    [Fact]
    public async Task A_guest_gets_its_expected_address_and_can_be_probed()
    {
        await using var bench = new SiteBench();
        var disks = await bench.DisksAsync(OracleFileSystem.Ext4, OracleFileSystem.Raw);
        var description = await bench.DescribeAsync("vm1", disks);
        Assert.Empty((await bench.Site.FitAsync([description], isolated: false, bench.Ct)).Gaps);
        var probes = bench.Able<IProbesGuests>();

        var clock = System.Diagnostics.Stopwatch.StartNew();
        var started = await bench.Site.StartAsync(SiteBench.InPlace(description, disks), bench.Ct);
        output.WriteLine($"started in {clock.Elapsed.TotalSeconds:F2} s");
        await bench.GuestUpAsync("vm1");
        output.WriteLine($"guest up after {clock.Elapsed.TotalSeconds:F2} s");

        Assert.Equal([SiteBench.Address], (await probes.AddressesAsync("vm1", bench.Ct))[SiteBench.Mac]);
        var tells = bench.Able<ITellsAddresses>();
        Assert.Equal([SiteBench.Address], await tells.AddressesOutsideAsync("vm1", SiteBench.Mac, bench.Ct));
        Assert.Equal([SiteBench.Address], await tells.AddressesOutsideAsync("vm1", null, bench.Ct));
        Assert.False(await probes.TcpAnswersAsync("vm1", 8081, bench.Ct));
        var ran = await probes.RunInGuestAsync("vm1", ["/bin/sh", "-c", "echo out; exit 3"],
            TimeSpan.FromSeconds(10), bench.Ct);
        Assert.Equal(new GuestCommandResult(3, "out\n"), ran);
        await bench.Witness.History.WaitForAcksAsync("guest", 10, bench.Ct);

        // A controller that was killed finds the same process again, and starts no second one.
        bench.Reopen();
        var found = await bench.Site.StartAsync(SiteBench.InPlace(description, disks), bench.Ct);
        Assert.Equal(started.ProcessId, found.ProcessId);
        Assert.Equal(["vda", "vdb"], found.Disks.Select(d => d.Name));
        Assert.Equal(disks.Select(d => d.Path), found.Disks.Select(d => d.File));
        Assert.All(found.Disks, d => Assert.True(d.Native));
    }

    [Fact]
    public async Task A_clean_shut_down_loses_nothing_and_keeps_the_disks_open()
    {
        await using var bench = new SiteBench();
        var disks = await bench.DisksAsync(OracleFileSystem.Ext4, OracleFileSystem.Raw);
        var description = await bench.DescribeAsync("vm1", disks);
        var trial = new SiteTrial
        {
            Start = SiteBench.InPlace(description, disks),
            GuestShutsDown = true,
            GuestUpAsync = bench.GuestUpAsync,
        };
        var check = SiteAcceptance.Checks.Single(
            c => c.Name.StartsWith("a guest that shut down", StringComparison.Ordinal));
        Assert.Null(await check.RunAsync(bench.Site, trial, bench.Ct));

        await bench.GuestUpAsync("vm1");
        await bench.Site.ShutDownAsync("vm1", TimeSpan.FromSeconds(60), bench.Ct);
        await bench.Site.StopAsync("vm1", bench.Ct);
        Assert.NotNull(bench.Witness.History.Latest("guest")!.Stopped);
        await bench.NothingIsLostAsync(disks.Select(d => d.Path), output);
    }
}
