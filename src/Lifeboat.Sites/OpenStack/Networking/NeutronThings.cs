// SPDX-License-Identifier: Apache-2.0
using System.Text.Json.Serialization;

namespace Lifeboat.Sites.OpenStack.Networking;

/// <summary>A network, as Networking API v2.0 tells it.</summary>
internal sealed record NeutronNetwork(string Id, string Name,
    string? Status = null,
    bool AdminStateUp = true,
    bool Shared = false,
    int? Mtu = null,
    string? ProjectId = null,
    string? DnsDomain = null,
    bool? PortSecurityEnabled = null,
    string? Description = null,
    IReadOnlyList<string>? Subnets = null,
    DateTimeOffset? CreatedAt = null)
{
    /// <summary>Floating IPs come from it.</summary>
    [JsonPropertyName("router:external")]
    public bool External { get; init; }
}

internal sealed record NeutronSubnet(string Id, string Name, string NetworkId, int IpVersion, string Cidr,
    string? GatewayIp = null,
    bool EnableDhcp = true,
    IReadOnlyList<string>? DnsNameservers = null,
    IReadOnlyList<NeutronPool>? AllocationPools = null,
    IReadOnlyList<NeutronRoute>? HostRoutes = null,
    string? Ipv6AddressMode = null,
    string? Ipv6RaMode = null)
{
    /// <summary>Its addresses follow from a port's MAC, and nobody chooses them.</summary>
    [JsonIgnore]
    public bool ChoosesItself => Ipv6AddressMode is "slaac" or "dhcpv6-stateless";
}

internal sealed record NeutronPool(string Start, string End);

internal sealed record NeutronRoute(string Destination, string Nexthop);

/// <param name="DeviceId">The server's id, or a router's.</param>
internal sealed record NeutronPort(string Id, string NetworkId, string MacAddress,
    string? Name = null,
    string? Status = null,
    bool AdminStateUp = true,
    string? DeviceId = null,
    string? DeviceOwner = null,
    string? DnsName = null,
    string? DnsDomain = null,
    string? Description = null,
    bool PortSecurityEnabled = true,
    IReadOnlyList<NeutronFixedIp>? FixedIps = null,
    IReadOnlyList<NeutronAddressPair>? AllowedAddressPairs = null,
    IReadOnlyList<string>? SecurityGroups = null,
    IReadOnlyList<string>? Tags = null)
{
    [JsonPropertyName("binding:vnic_type")]
    public string? VnicType { get; init; }
}

internal sealed record NeutronFixedIp(string? SubnetId = null, string? IpAddress = null);

internal sealed record NeutronAddressPair(string IpAddress, string? MacAddress = null);

internal sealed record NeutronSecurityGroup(string Id, string Name, string? Description = null, bool Stateful = true,
    IReadOnlyList<NeutronSecurityRule>? SecurityGroupRules = null, DateTimeOffset? CreatedAt = null);

/// <param name="Direction">`ingress` or `egress`.</param>
/// <param name="Ethertype">`IPv4` or `IPv6`.</param>
/// <param name="Protocol">Null: any.</param>
internal sealed record NeutronSecurityRule(string Direction, string? Id = null, string? Ethertype = null,
    string? Protocol = null,
    int? PortRangeMin = null,
    int? PortRangeMax = null,
    string? RemoteIpPrefix = null,
    string? RemoteGroupId = null,
    string? Description = null,
    string? SecurityGroupId = null,
    string? RemoteAddressGroupId = null);

internal sealed record NeutronFloatingIp(string Id, string FloatingIpAddress, string FloatingNetworkId,
    string? PortId = null,
    string? FixedIpAddress = null,
    string? RouterId = null,
    string? DnsName = null,
    string? DnsDomain = null,
    string? Description = null,
    string? Status = null);

internal sealed record NeutronRouter(string Id, string Name, string? Status = null, bool AdminStateUp = true,
    NeutronGateway? ExternalGatewayInfo = null, IReadOnlyList<NeutronRoute>? Routes = null,
    string? Description = null, string? ProjectId = null, DateTimeOffset? CreatedAt = null);

internal sealed record NeutronGateway(string NetworkId, bool? EnableSnat = null);

internal sealed record NeutronExtension(string Alias);

/// <summary>How many addresses a network has and how many are used; for administrators.</summary>
internal sealed record NeutronAvailability(string NetworkId, decimal TotalIps, decimal UsedIps);

/// <summary>A port to be made. Null members are left to Neutron.</summary>
internal sealed record NewPort(string Name, string NetworkId)
{
    public string? MacAddress { get; init; }
    public IReadOnlyList<NeutronFixedIp>? FixedIps { get; init; }
    public IReadOnlyList<NeutronAddressPair>? AllowedAddressPairs { get; init; }
    public IReadOnlyList<string>? SecurityGroups { get; init; }
    public bool? PortSecurityEnabled { get; init; }
    public string? DnsName { get; init; }
    public string? Description { get; init; }
    /// <summary>Whose it is, as Neutron's own services write it.</summary>
    public string? DeviceOwner { get; init; }
    public string? DeviceId { get; init; }
    [JsonPropertyName("binding:vnic_type")]
    public string? VnicType { get; init; }
}

internal sealed record NewFloatingIp(string FloatingNetworkId, string? PortId = null, string? FixedIpAddress = null,
    string? FloatingIpAddress = null, string? Description = null);

/// <param name="Stateful">Null: as the cloud has it.</param>
internal sealed record NewSecurityGroup(string Name, string? Description = null, bool? Stateful = null);

/// <summary>A network to be made, or what is to be changed of one. Null members are left as they are.</summary>
internal sealed record NewNetwork(string? Name, string? Description = null, int? Mtu = null)
{
    public string? DnsDomain { get; init; }
    public bool? PortSecurityEnabled { get; init; }
}

internal sealed record NewRouter(string Name, string? Description = null, NeutronGateway? ExternalGatewayInfo = null);

/// <summary>One of the two.</summary>
internal sealed record RouterInterface(string? SubnetId = null, string? PortId = null);

internal sealed record NewRoutes(IReadOnlyList<NeutronRoute> Routes);

internal sealed record NewFixedIps(IReadOnlyList<NeutronFixedIp> FixedIps);

internal sealed record PortHold(bool PortSecurityEnabled, IReadOnlyList<string> SecurityGroups);

internal sealed record SubnetDhcp(bool EnableDhcp);

/// <summary>A subnet to be made. Null members are left to Neutron.</summary>
internal sealed record NewSubnet(string Name, string NetworkId, string Cidr, int IpVersion)
{
    /// <summary>Null: it has none. Left out, Neutron would choose one.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public string? GatewayIp { get; init; }
    public bool EnableDhcp { get; init; } = true;
    public IReadOnlyList<string>? DnsNameservers { get; init; }
    public IReadOnlyList<NeutronPool>? AllocationPools { get; init; }
    public IReadOnlyList<NeutronRoute>? HostRoutes { get; init; }
    public string? Ipv6AddressMode { get; init; }
    public string? Ipv6RaMode { get; init; }
}
