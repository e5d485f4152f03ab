// SPDX-License-Identifier: Apache-2.0
using System.Text.Json.Serialization;

namespace Lifeboat.Protection.Instances;

/// <summary>
/// A server of a cloud with its surroundings, as the other cloud needs them to build it again; beside what every
/// <see cref="InstanceDescription"/> says. Things are named as people named them, never by a cloud's ids alone: those
/// mean nothing at the other side.
/// </summary>
/// <remarks>
/// Sites are upgraded one after the other. Members are only ever added, with a default that means what was before; a
/// reader passes over what it does not know. What a reader has to understand to build the server rightly raises
/// <see cref="CurrentFormat"/>: a description of one format more is used, and what it lacks is told as a gap; of two
/// formats more it is refused.
/// </remarks>
public sealed record CloudServer
{
    /// <summary>What this release writes.</summary>
    public const int CurrentFormat = 1;
    /// <summary>The newest that this release uses, though it may not know all of it.</summary>
    public const int ReadableFormat = CurrentFormat + 1;

    public required int Format { get; init; }
    /// <summary>The server's id at the cloud that it was read from.</summary>
    public required string ServerId { get; init; }
    /// <summary>The cloud's name for it; not unique, and not always fit to name anything of ours.</summary>
    public required string ServerName { get; init; }
    public required CloudFlavor Flavor { get; init; }
    /// <summary>The image it was built from; null: it was built from a volume.</summary>
    public CloudImage? Image { get; init; }
    /// <summary>What its image or boot volume says of its hardware (`hw_firmware_type`, `hw_disk_bus`, …).</summary>
    public IReadOnlyDictionary<string, string> HardwareProperties { get; init; } = new Dictionary<string, string>();
    /// <summary>In the order of their devices; the first one boots.</summary>
    public IReadOnlyList<CloudDisk> Disks { get; init; } = [];
    /// <summary>In the order of the network cards.</summary>
    public IReadOnlyList<CloudPort> Ports { get; init; } = [];
    /// <summary>Networks that the ports are on.</summary>
    public IReadOnlyList<CloudNetwork> Networks { get; init; } = [];
    /// <summary>Groups that the ports have, and those that their rules name.</summary>
    public IReadOnlyList<CloudSecurityGroup> SecurityGroups { get; init; } = [];
    public CloudKeypair? Keypair { get; init; }
    public CloudServerGroup? ServerGroup { get; init; }
    public IReadOnlyDictionary<string, string> Metadata { get; init; } = new Dictionary<string, string>();
    public IReadOnlyList<string> Tags { get; init; } = [];
    /// <summary>Base64, as the metadata service hands it out.</summary>
    public string? UserData { get; init; }
    public bool ConfigDrive { get; init; }
    public string? AvailabilityZone { get; init; }
    /// <summary>What the metadata service calls it.</summary>
    public string? Hostname { get; init; }
    public string? Note { get; init; }
    /// <summary>Limits and use of its project when it was read, by resource, e.g. `cores`.</summary>
    public IReadOnlyDictionary<string, CloudAllowance> Quotas { get; init; } =
        new Dictionary<string, CloudAllowance>();
    /// <summary>What the cloud did not tell the user that read it.</summary>
    public IReadOnlyList<string> Untold { get; init; } = [];

    /// <summary>A newer release wrote it, and it has members that this one does not know.</summary>
    [JsonIgnore]
    public bool IsNewer => Format > CurrentFormat;

    /// <summary>What is wrong with it, wherever it comes from.</summary>
    public IEnumerable<string> Problems()
    {
        if (Format < 1) yield return $"cloud.format is {Format}; the first is 1";
        if (Format > ReadableFormat)
            yield return $"cloud.format is {Format}; this release reads up to {ReadableFormat}: upgrade this site";
        if (Flavor.Vcpus < 1 || Flavor.MemoryMiB < 1)
            yield return "cloud.flavor has no processor or no memory";
        foreach (var twice in Ports.GroupBy(p => p.Mac, StringComparer.OrdinalIgnoreCase).Where(g => g.Count() > 1))
            yield return $"cloud.ports: MAC {twice.Key} twice";
        foreach (var twice in Disks.GroupBy(d => d.Disk, StringComparer.Ordinal).Where(g => g.Count() > 1))
            yield return $"cloud.disks: disk {twice.Key} twice";
        foreach (var port in Ports.Where(p => Networks.All(n => n.Name != p.Network)))
            yield return $"cloud.ports: {port.Mac} is on network '{port.Network}', which is not among cloud.networks";
    }
}

/// <param name="DiskGiB">0: as large as the image.</param>
public sealed record CloudFlavor(string Name, int Vcpus, int MemoryMiB, int DiskGiB, int EphemeralGiB, int SwapMiB)
{
    public IReadOnlyDictionary<string, string> ExtraSpecs { get; init; } = new Dictionary<string, string>();
}

/// <param name="Hash">`ALGORITHM:HEX` of its content; null: the cloud tells none.</param>
public sealed record CloudImage(string Name, string? Hash, long? SizeBytes);

/// <param name="Disk">The name in <see cref="InstanceDescription.Disks"/>.</param>
/// <param name="VolumeId">At the cloud it was read from; null: a disk of the host, made from the image or
/// empty.</param>
/// <param name="SizeGiB">Whole GiB, as clouds count.</param>
/// <param name="Type">The volume type; null: a disk of the host.</param>
/// <param name="Tag">The guest finds it by it in its metadata.</param>
public sealed record CloudDisk(string Disk, string? VolumeId, string? Name, int SizeGiB, string? Type, string? Tag)
{
    public bool Encrypted { get; init; }
    /// <summary>A server can boot from it.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool Bootable { get; init; }
    public bool Shared { get; init; }
    public bool DeleteWithServer { get; init; }
    public string? AvailabilityZone { get; init; }
    public IReadOnlyDictionary<string, string> Metadata { get; init; } = new Dictionary<string, string>();
}

/// <param name="Network">A name in <see cref="CloudServer.Networks"/>.</param>
/// <param name="SecurityGroups">Names in <see cref="CloudServer.SecurityGroups"/>.</param>
public sealed record CloudPort(string Network, string Mac, IReadOnlyList<CloudAddress> Addresses,
    IReadOnlyList<string> SecurityGroups)
{
    public string? Name { get; init; }
    public IReadOnlyList<CloudAddressPair> AllowedPairs { get; init; } = [];
    public bool PortSecurity { get; init; } = true;
    /// <summary>`normal`, `direct`, …; what is not `normal` needs hardware.</summary>
    public string VnicType { get; init; } = "normal";
    public string? DnsName { get; init; }
    public string? DnsDomain { get; init; }
    public IReadOnlyList<CloudFloatingAddress> Floating { get; init; } = [];
}

/// <param name="Subnet">In CIDR notation.</param>
public sealed record CloudAddress(string Address, string Subnet);

/// <param name="Mac">Null: the port's own.</param>
public sealed record CloudAddressPair(string Address, string? Mac);

/// <param name="Pool">The external network that it is from.</param>
/// <param name="To">Which of the port's addresses it leads to.</param>
public sealed record CloudFloatingAddress(string Address, string Pool, string? To)
{
    public string? DnsName { get; init; }
    public string? DnsDomain { get; init; }
}

/// <param name="Own">It belongs to the project, which could make it again; else somebody else has to.</param>
public sealed record CloudNetwork(string Name, bool Own, IReadOnlyList<CloudSubnet> Subnets)
{
    public int? Mtu { get; init; }
    public string? DnsDomain { get; init; }
    public bool PortSecurity { get; init; } = true;
    /// <summary>Routers that lead out of it.</summary>
    public IReadOnlyList<CloudRouter> Routers { get; init; } = [];
}

public sealed record CloudSubnet(string Name, string Cidr, int IpVersion, string? Gateway, bool Dhcp)
{
    public IReadOnlyList<string> DnsServers { get; init; } = [];
    public IReadOnlyList<CloudPool> Pools { get; init; } = [];
    public IReadOnlyList<CloudRoute> Routes { get; init; } = [];
    public string? Ipv6AddressMode { get; init; }
    public string? Ipv6RaMode { get; init; }
    /// <summary>Where the cloud's own DHCP servers are; guests may ask them for names.</summary>
    public IReadOnlyList<string> DhcpAddresses { get; init; } = [];

    /// <summary>Its addresses follow from a card's MAC, and nobody chooses them.</summary>
    [JsonIgnore]
    public bool ChoosesItself => Ipv6AddressMode is "slaac" or "dhcpv6-stateless";
}

public sealed record CloudPool(string First, string Last);

public sealed record CloudRoute(string Destination, string NextHop);

/// <param name="External">The network that it leads to; null: none.</param>
public sealed record CloudRouter(string Name, string? External, bool Snat, IReadOnlyList<CloudRoute> Routes)
{
    /// <summary>Its own on the network that names it; empty in older descriptions: the gateways there.</summary>
    public IReadOnlyList<CloudAddress> Addresses { get; init; } = [];

    /// <summary>Where it is on the network that names it.</summary>
    public IEnumerable<CloudAddress> AddressesOn(CloudNetwork network) => Addresses.Count > 0 ? Addresses
        : network.Subnets.Where(s => s.Gateway is not null).Select(s => new CloudAddress(s.Gateway!, s.Cidr));
}

public sealed record CloudSecurityGroup(string Name, string? Note, bool Stateful,
    IReadOnlyList<CloudSecurityRule> Rules);

/// <param name="Direction">`ingress` or `egress`.</param>
/// <param name="Family">`IPv4` or `IPv6`.</param>
/// <param name="Protocol">Null: any.</param>
/// <param name="RemoteGroup">A name in <see cref="CloudServer.SecurityGroups"/>.</param>
public sealed record CloudSecurityRule(string Direction, string Family, string? Protocol, int? PortFirst,
    int? PortLast, string? RemoteCidr, string? RemoteGroup);

/// <param name="PublicKey">Null: it is another user's, whose keys are not shown.</param>
public sealed record CloudKeypair(string Name, string? Type, string? PublicKey);

/// <param name="Policy">`affinity`, `anti-affinity`, `soft-affinity`, `soft-anti-affinity`.</param>
public sealed record CloudServerGroup(string Name, string Policy, int? MaxPerHost);

/// <param name="Limit">-1: none.</param>
public sealed record CloudAllowance(long Limit, long Used);
