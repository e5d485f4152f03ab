// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection.Instances;
using Lifeboat.Sites.OpenStack.Building;
using Lifeboat.Sites.OpenStack.Compute;
using Lifeboat.Sites.OpenStack.Describing;
using Lifeboat.Sites.OpenStack.Http;
using Lifeboat.Sites.OpenStack.Mapping;
using Lifeboat.Sites.OpenStack.Networking;

namespace Lifeboat.Tests.Sites.OpenStack;

/// <summary>What is made of networks and routers that are not here, and what it costs.</summary>
public sealed class CloudMapperMakingTests
{
    private static readonly RecoveryMap Nothing = new();

    [Fact]
    public void A_network_that_is_not_here_is_made_with_its_router_once_for_all()
    {
        var plan = CloudMapper.Map([Server("a"), Server("b")], Empty(), Nothing);
        Assert.Empty(plan.Gaps);
        Assert.All(plan.Servers, s =>
        {
            Assert.Equal(MappedBecause.ToBeMade, s.Find(MappedKind.Network, "lan")!.Because);
            Assert.Equal(MappedBecause.ToBeMade, s.Find(MappedKind.Router, "edge")!.Because);
        });
        Assert.Contains("a, b: network 'lan' is made here: 192.168.50.0/24", plan.Notes);
        Assert.Contains("a, b: router 'edge' is made here: to 'public'", plan.Notes);
        // Two floating addresses, and one of the router.
        Assert.Equal(3, plan.Pools["n0"]);
        var small = Empty() with
        {
            NetworkQuotas = new[] { "network", "subnet", "router", "port", "security_group", "security_group_rule" }
                .ToDictionary(q => q, _ => new CloudQuota(5, 5)),
            FreeAddresses = new Dictionary<string, long> { ["n0"] = 2 },
        };
        Assert.Equal(
        [
            "a: quota of Neutron: 1 network wanted, 0 of 5 free",
            // Those of two servers, of the router and of a DHCP server.
            "a, b: quota of Neutron: 4 port wanted, 0 of 5 free",
            "a: quota of Neutron: 1 router wanted, 0 of 5 free",
            "a: quota of Neutron: 1 security_group wanted, 0 of 5 free",
            // With the two that Neutron puts into every new group.
            "a: quota of Neutron: 3 security_group_rule wanted, 0 of 5 free",
            "a: quota of Neutron: 1 subnet wanted, 0 of 5 free",
            "a, b: floating pool 'public' is used up: 3 wanted, 2 free",
        ], CloudMapper.Map([Server("a"), Server("b")], small, Nothing).Gaps);
    }

    [Fact]
    public void A_router_of_somebody_else_is_put_on_a_network_that_is_made_only_when_it_is_said_to_be()
    {
        var theirs = Empty() with { Routers = [new NeutronRouter("r1", "edge", ProjectId: "p2")] };
        Assert.StartsWith("db: router 'edge' is here and somebody else's",
            Assert.Single(CloudMapper.Map([Server()], theirs, Nothing).Gaps), StringComparison.Ordinal);
        var told = new RecoveryMap { Routers = new Dictionary<string, string> { ["edge"] = "edge" } };
        var allowed = CloudMapper.Map([Server()], theirs, told);
        Assert.Empty(allowed.Gaps);
        Assert.Equal((MappedBecause.Told, "r1"), Router(allowed));
        Assert.StartsWith("db: options.map.routers says router 'edge'",
            Assert.Single(CloudMapper.Map([Server()], Empty(), told).Gaps), StringComparison.Ordinal);

        var ours = theirs with { Routers = [theirs.Routers[0] with { Description = Made.Finish(null) }] };
        var shared = CloudMapper.Map([Server()], ours, Nothing);
        Assert.Equal((MappedBecause.SameName, "r1"), Router(shared));
        Assert.Equal(1, shared.Pools["n0"]);
        // Another project's, which an administrator is shown.
        var foreign = theirs with { Routers = [theirs.Routers[0] with { ProjectId = "p9" }] };
        Assert.Equal((MappedBecause.ToBeMade, null), Router(CloudMapper.Map([Server()], foreign, Nothing)));

        static (MappedBecause, string?) Router(PlanMapping plan) =>
            plan.Servers[0].Find(MappedKind.Router, "edge") is { } router ? (router.Because, router.Id) : default;
    }

    [Fact]
    public void What_an_attempt_left_half_made_is_gone_on_with_and_not_asked_for_twice()
    {
        var begun = Empty() with
        {
            Networks =
            [
                CloudMapperTests.Public,
                new NeutronNetwork("n7", "lan", ProjectId: "p2", Description: Made.Begin(null)),
            ],
            Subnets = [CloudMapperTests.Subnet("n7", "192.168.50.0/24")],
            NetworkQuotas = new Dictionary<string, CloudQuota> { ["network"] = new(1, 1), ["subnet"] = new(1, 1) },
        };
        var plan = CloudMapper.Map([Server()], begun, Nothing);
        Assert.Empty(plan.Gaps);
        Assert.Equal(MappedBecause.ToBeMade, plan.Servers[0].Find(MappedKind.Network, "lan")!.Because);
        var lan = begun.Networks[1] with { Description = Made.Finish("") };
        var whole = begun with { Networks = [begun.Networks[0], lan] };
        var there = CloudMapper.Map([Server()], whole, Nothing).Servers[0].Find(MappedKind.Network, "lan")!;
        Assert.Equal((MappedBecause.SameName, "n7", true), (there.Because, there.Id, there.IsOurs));
    }

    [Fact]
    public void What_is_here_of_an_instance_already_is_not_asked_for_again()
    {
        var full = CloudMapperTests.Cloud() with
        {
            Limits = new NovaLimits(1, 1, 2, 2, 2048, 2048),
            VolumeQuotas = new Dictionary<string, CloudQuota> { ["volumes"] = new(2, 2), ["gigabytes"] = new(12, 12) },
            NetworkQuotas = new Dictionary<string, CloudQuota> { ["port"] = new(1, 1), ["floatingip"] = new(1, 1) },
            FreeAddresses = new Dictionary<string, long> { ["n0"] = 0 },
        };
        Assert.Equal(8, CloudMapper.Map([Server()], full, Nothing).Gaps.Count);
        var held = full with
        {
            Held = new Dictionary<string, HeldThings>
            {
                ["db"] = new([(2, 2048)], [(10, "rbd"), (2, "rbd")], 1, ["n0"]),
            },
        };
        Assert.Empty(CloudMapper.Map([Server()], held, Nothing).Gaps);
        // Of another one it helps nobody.
        Assert.Equal(8, CloudMapper.Map([Server("other")], held, Nothing).Gaps.Count);
    }

    [Fact]
    public void A_copy_in_a_bubble_asks_for_networks_of_its_own_and_for_nothing_that_others_could_use()
    {
        var cloud = CloudMapperTests.Cloud() with
        {
            SecurityGroups = [],
            NetworkQuotas = new[] { "network", "subnet", "port", "router", "security_group", "floatingip" }
                .ToDictionary(q => q, _ => new CloudQuota(0, 0)),
            FreeAddresses = new Dictionary<string, long> { ["n0"] = 0 },
        };
        var plan = CloudMapper.Map([Server("a"), Server("b")], cloud, Nothing, isolated: true);
        Assert.Equal(
        [
            "a: quota of Neutron: 1 network wanted, 0 of 0 free",
            "a, b: quota of Neutron: 3 port wanted, 0 of 0 free",
            "a: quota of Neutron: 1 subnet wanted, 0 of 0 free",
        ], plan.Gaps);
        Assert.Empty(plan.Pools);
        // Nobody's own network can be made in a bubble all the same, as it is described.
        var foreign = Server() with
        {
            Cloud = Server().Cloud! with { Networks = [Server().Cloud!.Networks[0] with { Own = false }] },
        };
        Assert.Empty(CloudMapper.Map([foreign], Empty(), Nothing, isolated: true).Gaps);
        Assert.Single(CloudMapper.Map([foreign], Empty(), Nothing).Gaps);
    }

    [Fact]
    public void A_drills_network_is_not_taken_for_production_and_an_address_has_to_fit_what_is_made()
    {
        var drill = Empty() with
        {
            Networks =
            [
                CloudMapperTests.Public, new NeutronNetwork("n8", "lifeboat-bubble/run-1/lan", ProjectId: "p2"),
            ],
            Subnets = [CloudMapperTests.Subnet("n8", "192.168.50.0/24")],
        };
        Assert.Equal(MappedBecause.ToBeMade,
            CloudMapper.Map([Server()], drill, Nothing).Servers[0].Find(MappedKind.Network, "lan")!.Because);
        var server = Server();
        var port = server.Cloud!.Ports[0] with { Addresses = [new CloudAddress("172.16.0.9", "172.16.0.0/24")] };
        var odd = server with { Cloud = server.Cloud with { Ports = [port] } };
        Assert.StartsWith("db: network 'lan' is to be made, and 172.16.0.9 is in none of its subnets",
            Assert.Single(CloudMapper.Map([odd], Empty(), Nothing).Gaps), StringComparison.Ordinal);
        var anew = new RecoveryMap { NewAddresses = ["lan"] };
        Assert.Empty(CloudMapper.Map([odd], Empty(), anew).Gaps);
    }

    private static InstanceDescription Server(string name = "db") => CloudMapperTests.Server(name);

    // A project as a cloud makes it: an external network, and nothing of its own.
    private static CloudInventory Empty() => CloudMapperTests.Cloud() with
    {
        Networks = [CloudMapperTests.Public],
        Subnets = [],
        SecurityGroups = [],
    };
}
