// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection.Instances;
using Lifeboat.Sites.OpenStack.Networking;

namespace Lifeboat.Sites.OpenStack.Building;

/// <summary>Subnets that are to be made as others are.</summary>
internal static class NewSubnets
{
    public static NewSubnet Of(NeutronSubnet subnet, string network) =>
        new(subnet.Name, network, subnet.Cidr, subnet.IpVersion)
        {
            GatewayIp = subnet.GatewayIp,
            EnableDhcp = subnet.EnableDhcp,
            AllocationPools = subnet.AllocationPools,
            HostRoutes = subnet.HostRoutes is { Count: > 0 } routes ? routes : null,
            Ipv6AddressMode = subnet.Ipv6AddressMode,
            Ipv6RaMode = subnet.Ipv6RaMode,
        };

    public static NewSubnet Of(CloudSubnet subnet, string network) =>
        new(subnet.Name, network, subnet.Cidr, subnet.IpVersion)
        {
            GatewayIp = subnet.Gateway,
            EnableDhcp = subnet.Dhcp,
            AllocationPools = subnet.Pools.Count == 0 ? null
                : [.. subnet.Pools.Select(p => new NeutronPool(p.First, p.Last))],
            HostRoutes = subnet.Routes.Count == 0 ? null
                : [.. subnet.Routes.Select(r => new NeutronRoute(r.Destination, r.NextHop))],
            Ipv6AddressMode = subnet.Ipv6AddressMode,
            Ipv6RaMode = subnet.Ipv6RaMode,
        };
}
