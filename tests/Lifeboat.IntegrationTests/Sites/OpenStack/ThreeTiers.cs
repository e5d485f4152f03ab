// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;
using Lifeboat.Protection.Instances;
using Lifeboat.Protection.Policies;

namespace Lifeboat.IntegrationTests.Sites.OpenStack;

/// <summary>
/// Five servers of another cloud in three tiers on two networks: a database behind, two applications on both networks,
/// two web servers in front, one with a floating address. Two security groups let each other in.
/// </summary>
internal static class ThreeTiers
{
    public const string Group = "shop";
    public const long DiskBytes = 117_440_512;
    // The first one of its subnet that is free, which a DHCP server would take.
    public const string Database = "10.61.2.2";
    public const string Web = "10.61.1.2";

    public static readonly CloudNetwork Front = new("front", true,
    [
        new CloudSubnet("front4", "10.61.1.0/24", 4, "10.61.1.1", true)
        {
            DnsServers = ["192.0.2.53"],
            Pools = [new CloudPool("10.61.1.2", "10.61.1.200")],
            Routes = [new CloudRoute("203.0.113.0/24", "10.61.1.11")],
        },
    ])
    {
        Routers = [Gate([new CloudAddress("10.61.1.1", "10.61.1.0/24")])],
    };

    // Its DHCP server is said to be where it was; of the one in front that is not known.
    public static readonly CloudNetwork Back = new("back", true,
    [
        new CloudSubnet("back4", "10.61.2.0/24", 4, "10.61.2.1", true)
        {
            Pools = [new CloudPool("10.61.2.2", "10.61.2.254")],
            DhcpAddresses = ["10.61.2.77"],
        },
        new CloudSubnet("back6", "fd61:2::/64", 6, "fd61:2::1", true)
        {
            Pools = [new CloudPool("fd61:2::2", "fd61:2::ffff:ffff:ffff:ffff")],
            Ipv6AddressMode = "slaac",
            Ipv6RaMode = "slaac",
        },
    ])
    {
        Mtu = 1400,
        // Not its gateway's address: a port of its own.
        Routers =
        [
            Gate([new CloudAddress("10.61.2.250", "10.61.2.0/24"), new CloudAddress("fd61:2::1", "fd61:2::/64")]),
        ],
    };

    public static readonly CloudSecurityGroup WebGroup = new("web", "in front", true,
    [
        new CloudSecurityRule("ingress", "IPv4", "tcp", 8080, 8080, "0.0.0.0/0", null),
        new CloudSecurityRule("ingress", "IPv4", "icmp", null, null, null, null),
        new CloudSecurityRule("ingress", "IPv4", null, null, null, null, "data"),
        new CloudSecurityRule("egress", "IPv4", null, null, null, null, null),
        new CloudSecurityRule("egress", "IPv6", null, null, null, null, null),
    ]);

    // Nothing goes out over IPv6: of what Neutron puts into a new group one rule is too many.
    public static readonly CloudSecurityGroup DataGroup = new("data", null, true,
    [
        new CloudSecurityRule("ingress", "IPv4", "tcp", 1, 60000, null, "web"),
        new CloudSecurityRule("ingress", "IPv4", null, null, null, null, "data"),
        new CloudSecurityRule("egress", "IPv4", null, null, null, null, null),
    ]);

    public static GroupDefinition Definition { get; } = new()
    {
        Name = Group,
        Version = 1,
        Epoch = Epoch.First,
        PrimarySite = "a",
        RecoverySite = "b",
        Policy = Policy.Default,
        Checks = ["boot:600", "web1/tcp:8080"],
        Members =
        [
            Member("db1", 1, 0, Port(Back, 1, Database, "data")),
            Member("app1", 2, 1, Port(Front, 2, "10.61.1.11", "web"), Port(Back, 3, "10.61.2.11", "data")),
            Member("app2", 2, 2, Port(Back, 4, "10.61.2.12", "data", "web")),
            Member("web1", 3, 3, Port(Front, 5, Web, "web") with
            {
                Floating = [new CloudFloatingAddress("10.78.1.99", "public", Web)],
            }),
            Member("web2", 3, 4, Port(Front, 6, "10.61.1.22", "web")),
        ],
    };

    private static CloudRouter Gate(IReadOnlyList<CloudAddress> at) => new("gate", "public", true,
        [new CloudRoute("198.51.100.0/24", Database)])
    {
        Addresses = at,
    };

    private static CloudPort Port(CloudNetwork network, int number, string address, params string[] groups) =>
        new(network.Name, $"fa:16:3e:61:00:0{number}", network == Front
            ? [new CloudAddress(address, "10.61.1.0/24")]
            : [new CloudAddress(address, "10.61.2.0/24"),
                new CloudAddress($"fd61:2::f816:3eff:fe61:{number}", "fd61:2::/64")], groups);

    private static GroupMember Member(string name, int tier, ushort volume, params CloudPort[] ports) => new(name,
        MemberKind.Replicated, tier, new InstanceDescription
        {
            Name = name,
            Cpus = 1,
            MemoryMiB = 128,
            GuestAgent = true,
            Disks = [new InstanceDisk("vda", "virtio", 0, DiskBytes, null)],
            Nics = [.. ports.Select(p => new InstanceNic(p.Network, "virtio", p.Mac, p.Addresses[0].Address))],
            Cloud = new CloudServer
            {
                Format = CloudServer.CurrentFormat,
                ServerId = Guid.NewGuid().ToString(),
                ServerName = name,
                Flavor = new CloudFlavor("oracle.volume", 1, 128, 0, 0, 0),
                HardwareProperties = new Dictionary<string, string> { ["hw_qemu_guest_agent"] = "yes" },
                Disks = [new CloudDisk("vda", "v", null, 1, "rbd", null)],
                Ports = ports,
                Networks = [.. new[] { Front, Back }.Where(n => ports.Any(p => p.Network == n.Name))],
                SecurityGroups = [WebGroup, DataGroup],
            },
        }, [new GroupVolume(volume, $"{name}.vda", name, "vda", DiskBytes)]);
}
