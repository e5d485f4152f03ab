// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection.Instances;
using Lifeboat.Sites.OpenStack.BlockStorage;
using Lifeboat.Sites.OpenStack.Compute;
using Lifeboat.Sites.OpenStack.Describing;
using Lifeboat.Sites.OpenStack.Http;
using Lifeboat.Sites.OpenStack.Mapping;
using Lifeboat.Sites.OpenStack.Networking;
using Microsoft.Extensions.Logging.Abstractions;

namespace Lifeboat.IntegrationTests.Sites.OpenStack;

/// <summary>Whether real services are as our records and requests say.</summary>
public sealed class OpenStackApiConformance
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Everything_that_a_description_or_a_mapping_needs_can_be_read(bool isAdmin)
    {
        using var session = await Testbed.OpenAsync(Testbed.Member + (isAdmin ? "-admin" : ""), Ct);
        foreach (var service in new[] { CloudApi.Compute, CloudApi.BlockStorage, CloudApi.Placement })
            Assert.True(await session.VersionAsync(service, Ct) > new Microversion(1, 0));
        var cloud = new CloudClients(session);
        var inventory = await cloud.InventoryAsync(Ct);
        Assert.NotEmpty(inventory.Flavors);
        Assert.NotEmpty(inventory.VolumeTypes);
        Assert.NotEmpty(inventory.Images);
        Assert.Contains(inventory.Networks, n => n.External);
        Assert.NotEmpty(inventory.Subnets);
        Assert.NotNull(inventory.Limits);
        Assert.True(inventory.VolumeQuotas["gigabytes"].Limit != 0);
        Assert.NotEmpty(inventory.SecurityGroups.SelectMany(g => g.SecurityGroupRules ?? []));
        Assert.Contains("router", await cloud.Neutron.ExtensionsAsync(Ct));
        // A member is not told of hosts and pools; an administrator is.
        var room = await cloud.Placement.HasRoomAsync(1, 64, 0, Ct);
        Assert.Equal(isAdmin ? true : null, room);
        Assert.Equal(isAdmin, inventory.FreeAddresses.Count > 0);
    }

    [Fact]
    public async Task Refusals_come_with_their_reasons()
    {
        var settings = await Testbed.SettingsAsync(Testbed.Member, Ct);
        using var wrong = new CloudSession(settings with { Password = "not this" }, null, CloudHttpOptions.Default,
            TimeProvider.System, NullLoggerFactory.Instance);
        Assert.Equal(CloudFault.Unauthorised, (await FaultAsync(() => wrong.TokenAsync(Ct))).Fault);

        using var session = await Testbed.OpenAsync(Testbed.Member, Ct);
        var cloud = new CloudClients(session);
        Assert.Null(await cloud.Nova.FindServerAsync(Guid.NewGuid().ToString(), Ct));
        Assert.Null(await cloud.Cinder.FindVolumeAsync(Guid.NewGuid().ToString(), Ct));
        var type = await FaultAsync(() => cloud.Cinder.CreateVolumeAsync(new NewVolume("lb-never", 1, "no-such"), Ct));
        Assert.Equal(CloudFault.NotFound, type.Fault);
        Assert.NotNull(type.RequestId);
        var quota = await FaultAsync(() => cloud.Cinder.CreateVolumeAsync(new NewVolume("lb-never", 1_000_000), Ct));
        Assert.Equal(CloudFault.QuotaExceeded, quota.Fault);
        var lan = (await cloud.Neutron.NetworksAsync(Ct)).First(n => !n.External);
        var outside = new NewPort("lb-never", lan.Id) { FixedIps = [new NeutronFixedIp(null, "203.0.113.9")] };
        Assert.Equal(CloudFault.Refused, (await FaultAsync(() => cloud.Neutron.CreatePortAsync(outside, Ct))).Fault);
        var gateway = (await cloud.Neutron.SubnetsAsync(Ct)).First(s => s.NetworkId == lan.Id).GatewayIp;
        var taken = new NewPort("lb-never", lan.Id) { FixedIps = [new NeutronFixedIp(null, gateway)] };
        Assert.Equal(CloudFault.AddressTaken, (await FaultAsync(() => cloud.Neutron.CreatePortAsync(taken, Ct))).Fault);
        Assert.Empty(await cloud.Neutron.PortsNamedAsync("lb-never", Ct));
        Assert.Empty(await cloud.Cinder.VolumesAsync("lb-never", Ct));
    }

    [Fact]
    public async Task A_server_is_described_with_its_surroundings_and_mapped()
    {
        using var session = await Testbed.OpenAsync(Testbed.Member, Ct);
        var cloud = new CloudClients(session);
        var before = await cloud.InventoryAsync(Ct);
        await using var test = new TestServer(cloud, $"lb-{Guid.NewGuid().ToString("n")[..8]}");
        var server = await BuildWithSurroundingsAsync(cloud, before, test);

        var inventory = await cloud.InventoryAsync(Ct);
        var facts = await ServerFacts.ReadAsync(cloud, server, Ct);
        var description = ServerDescriber.Describe("db", facts, inventory);
        var described = description.Cloud!;
        Assert.Empty(described.Problems());
        Assert.Equal(["vda", "vdb", "vdc"], description.Disks.Select(d => d.Name));
        Assert.Equal(["rbd", "rbd", "nfs"], described.Disks.Select(d => d.Type));
        Assert.Equal("db-1", described.Hostname);
        Assert.Equal("test", described.Metadata["role"]);
        var port = Assert.Single(described.Ports);
        Assert.Equal("192.168.50.77", Assert.Single(port.Addresses).Address);
        Assert.Equal("fa:16:3e:0b:0a:75", port.Mac);
        Assert.Equal("192.168.50.200", Assert.Single(port.AllowedPairs).Address);
        Assert.Equal("public", Assert.Single(port.Floating).Pool);
        Assert.Contains("edge", Assert.Single(described.Networks).Routers.Select(r => r.Name));
        Assert.Contains(described.SecurityGroups, g => g.Name == "open");
        Assert.Contains(described.Untold, u => u.StartsWith("user data", StringComparison.Ordinal));

        var plan = CloudMapper.Map([description], inventory, new RecoveryMap());
        Assert.Empty(plan.Gaps);
        Assert.Equal(MappedBecause.SameName, plan.Servers[0].Find(MappedKind.Network, "lan")!.Because);
        var flavor = new CloudFlavor("huge", 64, 1 << 20, 0, 0, 0);
        var huge = description with { Cloud = described with { Flavor = flavor } };
        var gaps = CloudMapper.Map([huge], inventory, new RecoveryMap()).Gaps;
        Assert.Contains(gaps, g => g.StartsWith("db: no flavor has 64 vCPU", StringComparison.Ordinal));
        Assert.Contains(gaps, g => g.StartsWith("db: quota of Nova:", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_build_that_fails_says_all_that_nova_lists()
    {
        using var session = await Testbed.OpenAsync(Testbed.Member, Ct);
        var cloud = new CloudClients(session);
        var inventory = await cloud.InventoryAsync(Ct);
        var name = $"lb-{Guid.NewGuid().ToString("n")[..8]}";
        await using var test = new TestServer(cloud, name);
        var flavor = inventory.Flavors.First(f => f.Name == "oracle.volume").Id;
        // Two that must not share a host, where there is one host.
        var group = await cloud.Nova.CreateServerGroupAsync(name, "anti-affinity", null, Ct);
        var image = inventory.Images.First(i => i.Name == "oracle").Id;
        var first = await test.VolumeAsync("one", 1, "rbd", image, Ct);
        var second = await test.VolumeAsync("two", 1, "rbd", image, Ct);
        await test.BuildAsync("one", flavor, [first], null, group.Id, Ct);
        var e = await FaultAsync(() => test.BuildAsync("two", flavor, [second], null, group.Id, Ct));
        Assert.Equal(CloudFault.NoValidHost, e.Fault);
        Assert.Contains("No valid host", e.Message);
    }

    private static async Task<NovaServer> BuildWithSurroundingsAsync(CloudClients cloud, CloudInventory inventory,
        TestServer test)
    {
        var image = inventory.Images.First(i => i.Name == "oracle").Id;
        var lan = inventory.Networks.First(n => n.Name == "lan").Id;
        var open = inventory.SecurityGroups.First(g => g.Name == "open").Id;
        var root = await test.VolumeAsync("root", 1, "rbd", image, Ct);
        var fast = await test.VolumeAsync("fast", 1, "rbd", null, Ct);
        var slow = await test.VolumeAsync("slow", 2, "nfs", null, Ct);
        var port = await test.PortAsync(new NewPort(test.Name, lan)
        {
            MacAddress = "fa:16:3e:0b:0a:75",
            FixedIps = [new NeutronFixedIp(null, "192.168.50.77")],
            AllowedAddressPairs = [new NeutronAddressPair("192.168.50.200")],
            SecurityGroups = [open],
        }, Ct);
        await test.FloatingIpAsync(inventory.Networks.First(n => n.Name == "public").Id, port, Ct);
        var flavor = inventory.Flavors.First(f => f.Name == "oracle.volume").Id;
        return await test.BuildAsync("db", flavor, [root, fast, slow], port, null, Ct);
    }

    private static async Task<CloudException> FaultAsync(Func<Task> act) =>
        await Assert.ThrowsAsync<CloudException>(act);
}
