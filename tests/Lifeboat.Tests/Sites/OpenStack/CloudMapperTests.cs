// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection.Instances;
using Lifeboat.Sites.OpenStack.BlockStorage;
using Lifeboat.Sites.OpenStack.Compute;
using Lifeboat.Sites.OpenStack.Describing;
using Lifeboat.Sites.OpenStack.Http;
using Lifeboat.Sites.OpenStack.Images;
using Lifeboat.Sites.OpenStack.Mapping;
using Lifeboat.Sites.OpenStack.Networking;

namespace Lifeboat.Tests.Sites.OpenStack;

public sealed class CloudMapperTests
{
    private static readonly RecoveryMap Nothing = new();

    [Fact]
    public void What_has_its_name_here_is_proposed_and_leaves_no_gap()
    {
        var plan = CloudMapper.Map([Server()], Cloud(), Nothing);
        Assert.Empty(plan.Gaps);
        var mapped = Assert.Single(plan.Servers);
        Assert.Equal(
        [
            (MappedKind.Flavor, "m1.small", MappedBecause.SameName, "f2"),
            (MappedKind.VolumeType, "rbd", MappedBecause.SameName, "t1"),
            (MappedKind.Network, "lan", MappedBecause.SameName, "n1"),
            (MappedKind.FloatingPool, "public", MappedBecause.SameName, "n0"),
            (MappedKind.SecurityGroup, "web", MappedBecause.SameName, "sg1"),
            (MappedKind.Keypair, "ops", MappedBecause.ToBeMade, null),
            (MappedKind.ServerGroup, "apart", MappedBecause.ToBeMade, null),
            (MappedKind.AvailabilityZone, "nova", MappedBecause.SameName, "nova"),
        ], mapped.Things.Select(t => (t.Kind, t.From, t.Because, t.Id)));
        Assert.Empty(mapped.Notes);
    }

    [Fact]
    public void Every_gap_is_told_at_once()
    {
        var cloud = Cloud() with
        {
            Flavors = [new NovaFlavor("f1", "tiny", 1, 512, 1)],
            VolumeTypes = [new CinderVolumeType("t9", "rbd2")],
            Networks = [new NeutronNetwork("n0", "public") { External = true }],
            Limits = new NovaLimits(10, 10, 20, 19, 51200, 1024),
            VolumeQuotas = new Dictionary<string, CloudQuota>
            {
                ["gigabytes"] = new(10, 5),
                ["volumes"] = new(-1, 70),
                ["per_volume_gigabytes"] = new(8, 0),
            },
            FreeAddresses = new Dictionary<string, long> { ["n0"] = 0 },
            NetworkQuotas = new Dictionary<string, CloudQuota> { ["port"] = new(5, 5) },
        };
        var server = Server();
        server = server with
        {
            Cloud = server.Cloud! with { Networks = [server.Cloud.Networks[0] with { Own = false }] },
        };
        string[] wanted =
        [
            "db: no flavor has 2 vCPU, 2048 MiB ('m1.small'); there are tiny: 1 vCPU, 512 MiB",
            "db: volume type 'rbd' is unknown here; there are rbd2 (options.map.volumeTypes says which one; 'rbd2' is "
                + "near)",
            "db: network 'lan' is not here, and it is not the project's own to be made again; there are none "
                + "(options.map.networks says which one)",
            "db: quota of Nova: 2 cores wanted, 1 of 20 free",
            "db: quota of Nova: 1 instances wanted, 0 of 10 free",
            "db: quota of Cinder: 12 gigabytes wanted, 5 of 10 free",
            "db: quota of Cinder: a volume of 10 GiB is wanted, one may have 8",
            "db: quota of Neutron: 1 port wanted, 0 of 5 free",
            "db: floating pool 'public' is used up: 1 wanted, 0 free",
        ];
        Assert.Equal(wanted, CloudMapper.Map([server], cloud, Nothing).Gaps);
    }

    [Fact]
    public void The_smallest_flavor_that_is_large_enough_is_nearest()
    {
        var cloud = Cloud() with
        {
            Flavors =
            [
                new NovaFlavor("f1", "m1.small", 1, 2048, 20), new NovaFlavor("f2", "huge", 64, 65536, 0),
                new NovaFlavor("f3", "fits", 2, 4096, 0), new NovaFlavor("f4", "off", 2, 2048, 0) { Disabled = true },
            ],
        };
        var plan = CloudMapper.Map([Server()], cloud, Nothing);
        Assert.Empty(plan.Gaps);
        Assert.Equal(new MappedThing(MappedKind.Flavor, "m1.small", MappedBecause.Nearest, "f3", "fits"),
            plan.Servers[0].Find(MappedKind.Flavor, "m1.small"));
    }

    [Fact]
    public void A_network_is_found_by_its_subnets_or_made_and_an_address_has_to_be_in_it()
    {
        var renamed = Cloud() with
        {
            Networks = [new NeutronNetwork("n7", "campus", ProjectId: "p2"), Public],
            Subnets = [Subnet("n7", "192.168.50.0/24")],
        };
        Assert.Equal(MappedBecause.SameSubnets, Network(renamed, Nothing)!.Because);
        var empty = Cloud() with { Networks = [Public], Subnets = [], Routers = [] };
        Assert.Equal(MappedBecause.ToBeMade, Network(empty, Nothing)!.Because);
        var narrow = empty with
        {
            NetworkQuotas = new Dictionary<string, CloudQuota> { ["network"] = new(1, 1), ["router"] = new(1, 1) },
        };
        Assert.Equal(
        [
            "quota of Neutron: 1 network wanted, 0 of 1 free", "quota of Neutron: 1 router wanted, 0 of 1 free",
        ], CloudMapper.Map([Server()], narrow, Nothing).Gaps);

        var elsewhere = Cloud() with { Subnets = [Subnet("n1", "10.0.0.0/24")] };
        Assert.Equal(["network 'lan': 192.168.50.7 is in none of its subnets (10.0.0.0/24); another network "
            + "(options.map.networks), or another address (options.map.newAddresses)"],
            CloudMapper.Map([Server()], elsewhere, Nothing).Gaps);
        Assert.Empty(CloudMapper.Map([Server()], elsewhere, new RecoveryMap { NewAddresses = ["lan"] }).Gaps);
        var twice = Cloud() with { Networks = [.. Cloud().Networks, new NeutronNetwork("n2", "lan")] };
        Assert.Equal("n1", Network(twice, Nothing)!.Id);
        var taken = Cloud() with { Subnets = [Subnet("n1", "192.168.50.0/24", gateway: "192.168.50.7")] };
        Assert.Contains("is the gateway", Assert.Single(CloudMapper.Map([Server()], taken, Nothing).Gaps));

        static MappedThing? Network(CloudInventory cloud, RecoveryMap told) =>
            CloudMapper.Map([Server()], cloud, told).Servers[0].Find(MappedKind.Network, "lan");
    }

    [Fact]
    public void What_the_operator_says_counts_and_has_to_be_there()
    {
        var cloud = Cloud() with
        {
            VolumeTypes = [new CinderVolumeType("t1", "fast"), new CinderVolumeType("t2", "rbd")],
        };
        var told = new RecoveryMap
        {
            VolumeTypes = new Dictionary<string, string> { ["rbd"] = "fast" },
            Flavors = new Dictionary<string, string> { ["m1.small"] = "f1" },
            Networks = new Dictionary<string, string> { ["lan"] = "wan" },
            AvailabilityZones = new Dictionary<string, string> { ["nova"] = "east" },
            FloatingPools = new Dictionary<string, string> { ["public"] = "lake" },
        };
        var plan = CloudMapper.Map([Server()], cloud, told);
        Assert.Equal("t1", plan.Servers[0].Find(MappedKind.VolumeType, "rbd")!.Id);
        Assert.Contains(plan.Servers[0].Notes, n => n.StartsWith("flavor 'tiny' is smaller", StringComparison.Ordinal));
        Assert.Equal(
        [
            "db: options.map.networks says network 'wan' for 'lan', which is not here; there are lan",
            "db: options.map.floatingPools says floating pool 'lake' for 'public', which is not here; there are public",
            "db: options.map.availabilityZones says availability zone 'east' for 'nova', which is not here; there are nova",
        ], plan.Gaps);
    }

    [Fact]
    public void Servers_of_one_plan_share_quotas_pools_and_what_is_made_for_them()
    {
        var cloud = Cloud() with
        {
            SecurityGroups = [],
            Limits = new NovaLimits(10, 0, 5, 0, 51200, 0),
            FreeAddresses = new Dictionary<string, long> { ["n0"] = 2 },
            // Somebody keeps it for something.
            FloatingIps = [new NeutronFloatingIp("fl", "10.78.2.9", "n0")],
            NetworkQuotas = new Dictionary<string, CloudQuota>
            {
                ["security_group"] = new(1, 0),
                ["floatingip"] = new(3, 1),
            },
        };
        Assert.Empty(CloudMapper.Map([Server("a"), Server("b")], cloud, Nothing).Gaps);
        Assert.Equal(
        [
            "a, b, c: quota of Nova: 6 cores wanted, 5 of 5 free",
            "a, b, c: quota of Neutron: 3 floatingip wanted, 2 of 3 free",
            "a, b, c: floating pool 'public' is used up: 3 wanted, 2 free",
        ], CloudMapper.Map([Server("a"), Server("b"), Server("c")], cloud, Nothing).Gaps);
    }

    [Fact]
    public void What_will_be_different_is_noted()
    {
        var server = Server();
        server = server with
        {
            Cloud = server.Cloud! with
            {
                AvailabilityZone = "west",
                Untold = ["user data"],
                Keypair = new CloudKeypair("ops", "ssh", "ssh-rsa OTHER ops"),
                SecurityGroups = [server.Cloud.SecurityGroups[0] with { Rules = [] }],
            },
        };
        var cloud = Cloud() with { Keypairs = [new NovaKeypair("ops", "ssh-rsa THIS ops@home")] };
        var plan = CloudMapper.Map([server], cloud, Nothing);
        Assert.Empty(plan.Gaps);
        Assert.Equal(
        [
            "the other cloud did not tell user data",
            "security group 'web' has other rules here: 0 missing, 1 more",
            "key pair 'ops' is another key here; the server is built without",
            "availability zone 'west' is not here; the scheduler chooses",
        ], plan.Servers[0].Notes);
    }

    [Fact]
    public void An_instance_of_a_site_that_is_no_cloud_is_mapped_too()
    {
        var description = new InstanceDescription
        {
            Name = "vm",
            Cpus = 1,
            MemoryMiB = 500,
            Disks = [new InstanceDisk("vda", "virtio", 0, (3L << 30) + 512, null)],
            Nics = [new InstanceNic("lan", "virtio", "52:54:00:00:00:01", "192.168.50.9")],
        };
        var plan = CloudMapper.Map([description], Cloud(), Nothing);
        Assert.Empty(plan.Gaps);
        Assert.Equal("f1", plan.Servers[0].Find(MappedKind.Flavor, "")!.Id);
        Assert.Equal("rbd", plan.Servers[0].Find(MappedKind.VolumeType, "")!.To);
        var unfit = description with
        {
            MemoryMiB = 1 << 28,
            Nics = [new InstanceNic("nowhere", "virtio", "52:54:00:ff:ff:01", null)],
        };
        var gaps = CloudMapper.Map([unfit], Cloud(), Nothing).Gaps;
        Assert.Contains(gaps, g => g.StartsWith("vm: no flavor", StringComparison.Ordinal));
        Assert.Contains(gaps, g => g.StartsWith("vm: network 'nowhere'", StringComparison.Ordinal));
        Assert.Equal(4, CloudMapper.GiB((3L << 30) + 512));
    }

    [Fact]
    public void A_server_without_disks_needs_its_image()
    {
        var server = Server();
        server = server with
        {
            Disks = [],
            Cloud = server.Cloud! with { Disks = [], Image = new CloudImage("web", "sha512:ab", 1) },
        };
        Assert.Equal(["db: image 'web' is not here, and it has no disk of its own to boot from"],
            CloudMapper.Map([server], Cloud(), Nothing).Gaps);
        var cloud = Cloud() with
        {
            Images = [new GlanceImage("i1", "active", "other-name", OsHashAlgo: "sha512", OsHashValue: "ab")],
        };
        Assert.Empty(CloudMapper.Map([server], cloud, Nothing).Gaps);
    }

    internal static NeutronNetwork Public => new("n0", "public") { External = true };

    internal static NeutronSubnet Subnet(string network, string cidr, string? gateway = null) =>
        new($"s-{network}", "four", network, 4, cidr, gateway);

    internal static InstanceDescription Server(string name = "db") => new()
    {
        Name = name,
        Cpus = 2,
        MemoryMiB = 2048,
        Disks =
        [
            new InstanceDisk("vda", "virtio", 0, 10L << 30, null), new InstanceDisk("vdb", "virtio", 1, 2L << 30, null),
        ],
        Cloud = new CloudServer
        {
            Format = 1,
            ServerId = "s",
            ServerName = name,
            Flavor = new CloudFlavor("m1.small", 2, 2048, 20, 0, 0),
            Disks =
            [
                new CloudDisk("vda", "v1", null, 10, "rbd", null), new CloudDisk("vdb", "v2", null, 2, "rbd", null),
            ],
            Ports =
            [
                new CloudPort("lan", "fa:16:3e:00:00:02", [new CloudAddress("192.168.50.7", "192.168.50.0/24")],
                    ["web"])
                {
                    Floating = [new CloudFloatingAddress("10.78.1.33", "public", "192.168.50.7")],
                },
            ],
            Networks =
            [
                new CloudNetwork("lan", true, [new CloudSubnet("lan4", "192.168.50.0/24", 4, "192.168.50.1", true)])
                {
                    Routers = [new CloudRouter("edge", "public", true, [])],
                },
            ],
            SecurityGroups = [new CloudSecurityGroup("web", null, true,
                [new CloudSecurityRule("ingress", "IPv4", "tcp", 22, 22, "0.0.0.0/0", null)])],
            Keypair = new CloudKeypair("ops", "ssh", "ssh-ed25519 AAAA ops"),
            ServerGroup = new CloudServerGroup("apart", "anti-affinity", null),
            AvailabilityZone = "nova",
        },
    };

    internal static CloudInventory Cloud() => new()
    {
        ProjectId = "p2",
        Flavors = [new NovaFlavor("f1", "tiny", 1, 512, 1), new NovaFlavor("f2", "m1.small", 2, 2048, 20)],
        Zones = [new NovaZone("nova", new NovaZoneState(true))],
        VolumeTypes = [new CinderVolumeType("t1", "rbd"), new CinderVolumeType("t2", "nfs")],
        DefaultType = new CinderVolumeType("t1", "rbd"),
        Networks = [new NeutronNetwork("n1", "lan", ProjectId: "p2"), Public],
        Subnets = [Subnet("n1", "192.168.50.0/24", "192.168.50.1")],
        SecurityGroups =
        [
            new NeutronSecurityGroup("sg1", "web", SecurityGroupRules:
            [
                new NeutronSecurityRule("ingress", Ethertype: "IPv4", Protocol: "tcp", PortRangeMin: 22,
                    PortRangeMax: 22),
            ]),
        ],
    };
}
