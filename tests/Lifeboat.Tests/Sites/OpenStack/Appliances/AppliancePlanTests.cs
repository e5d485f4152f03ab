// SPDX-License-Identifier: Apache-2.0
using System.Text.Json;
using Lifeboat.Protection.Instances;
using Lifeboat.Sites;
using Lifeboat.Sites.OpenStack.Appliances;
using Lifeboat.Sites.OpenStack.Compute;
using Lifeboat.Sites.OpenStack.Describing;
using Lifeboat.Sites.OpenStack.Filling;
using Lifeboat.Sites.OpenStack.Mapping;
using Microsoft.Extensions.Logging.Abstractions;

namespace Lifeboat.Tests.Sites.OpenStack.Appliances;

public sealed class AppliancePlanTests
{
    [Theory]
    [InlineData("", 2, false, 0)]
    [InlineData("0:0", 2, false, 0)]
    [InlineData("0:1", 2, false, 1)]
    [InlineData("0:1 1:0", 2, false, 1)]
    [InlineData("1:3", 2, false, 0)]
    [InlineData("0:1", 2, true, 0)]
    [InlineData("0:3 1:2", 2, false, 1)]
    [InlineData("0:20 1:19", 2, false, 1)]
    [InlineData("0:20 1:20", 2, false, null)]
    [InlineData("0:20", 2, true, null)]
    [InlineData("5:0", 2, false, 0)]
    public void Volumes_are_spread(string loads, int atMost, bool refused, int? to) =>
        Assert.Equal(to, Spreading.Choose(loads.Split(' ', StringSplitOptions.RemoveEmptyEntries)
            .Select(l => l.Split(':')).ToDictionary(l => int.Parse(l[0]), l => int.Parse(l[1])), atMost, refused));

    [Fact]
    public void A_site_knows_its_appliances_and_no_other_ones()
    {
        var folder = Directory.CreateTempSubdirectory("lb-marks-").FullName;
        try
        {
            var mine = ApplianceMarks.OfSite(folder);
            Assert.Equal(mine, ApplianceMarks.OfSite(folder));
            var other = new ApplianceMarks("0123456789ab");
            var server = Server("ACTIVE") with { Tags = [mine.Tag] };
            Assert.True(mine.IsMine(server));
            Assert.False(other.IsMine(server));
            Assert.Equal("x", mine.ServerOf(mine.Address("x")));
            Assert.Null(other.ServerOf(mine.Address("x")));
            // None of them is an instance, of whichever site.
            Assert.Equal(["own"], ServerNames.Of([server, Server("ACTIVE") with { Tags = [other.Tag] },
                Server("ACTIVE") with { Name = "own" }]).Keys);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public async Task Where_this_host_never_copied_there_is_no_copy_to_wait_for() =>
        await new VolumeFiller(Path.Combine(Path.GetTempPath(), Guid.NewGuid().ToString()), TimeProvider.System)
            .WaitForEndAsync("v", TimeSpan.Zero, TestContext.Current.CancellationToken);

    [Fact]
    public void One_is_lost_that_will_not_write_any_more()
    {
        Assert.True(ApplianceMarks.IsLost(null));
        foreach (var status in new[] { "ERROR", "SHUTOFF", "DELETED", "PAUSED", "SUSPENDED", "SHELVED_OFFLOADED" })
            Assert.True(ApplianceMarks.IsLost(Server(status)), status);
        foreach (var status in new[] { "ACTIVE", "BUILD", "HARD_REBOOT" })
            Assert.False(ApplianceMarks.IsLost(Server(status)), status);
        Assert.True(ApplianceMarks.IsLost(Server("ACTIVE") with { TaskState = "deleting" }));
        Assert.False(ApplianceMarks.IsLost(Server("SHUTOFF") with { TaskState = "powering-on" }));
    }

    [Fact]
    public void What_the_first_one_takes_counts_against_the_quotas()
    {
        var instance = new InstanceDescription
        {
            Name = "db",
            Cpus = 1,
            MemoryMiB = 128,
            Machine = "pc",
            Disks = [new InstanceDisk("vda", "virtio", 0, 1 << 30, null)],
        };
        var cloud = new CloudInventory
        {
            ProjectId = "p",
            Flavors = [new NovaFlavor("1", "small", 1, 128, 0)],
            Limits = new NovaLimits(1, 0, 10, 0, 1000, 0),
        };
        Assert.Empty(CloudMapper.Map([instance], cloud, new RecoveryMap()).Gaps);
        var gap = Assert.Single(CloudMapper.Map([instance], cloud with
        {
            Appliance = new ApplianceNeed(1, 256, 0, null),
        }, new RecoveryMap()).Gaps);
        Assert.Equal("db, a recovery appliance: quota of Nova: 2 instances wanted, 1 of 1 free", gap);
    }

    [Fact]
    public void All_that_is_wrong_with_the_options_is_told_at_once()
    {
        var refused = Assert.Throws<SiteException>(() => Open("""
            {
              "volumes": { "rbd": { "appliance": true }, "nfs": { "appliance": true, "folder": "/mnt" } },
              "appliances": { "image": "a.qcow2", "atMost": 0, "from": "anywhere", "keep": "-00:01", "floatingPool": "",
                "silenceMax": "00:00:01", "availabilityZones": [""] }
            }
            """));
        foreach (var fault in new[]
        {
            "options.volumes.nfs: say one of", "options.appliances: network is missing",
            "options.appliances: flavor is missing", "options.appliances: image 'a.qcow2' is no absolute path",
            "options.appliances: atMost is 0", "options.appliances: from is 'anywhere'",
            "options.appliances: keep must not be negative", "options.appliances: floatingPool is empty",
            "options.appliances: silenceMax", "options.appliances: availabilityZones",
        })
            Assert.Contains(fault, refused.Message, StringComparison.Ordinal);
        Assert.Contains("options.volumes.rbd is written by appliances, and options.appliances is missing",
            Assert.Throws<SiteException>(() => Open("""{ "volumes": { "rbd": { "appliance": true } } }""")).Message,
            StringComparison.Ordinal);
    }

    private static void Open(string options) => SiteDrivers.Shipped().Open("openstack",
        new SiteSetting("/nowhere", JsonElement.Parse(options)), TimeProvider.System, NullLoggerFactory.Instance);

    private static NovaServer Server(string status) => new(Guid.NewGuid().ToString(), "lifeboat-appliance", status,
        new NovaServerFlavor("small", 1, 256, 1), DateTimeOffset.UnixEpoch);
}
