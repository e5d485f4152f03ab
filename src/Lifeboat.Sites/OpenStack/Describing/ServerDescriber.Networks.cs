// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection.Instances;
using Lifeboat.Sites.OpenStack.Building;
using Lifeboat.Sites.OpenStack.Networking;

namespace Lifeboat.Sites.OpenStack.Describing;

internal static partial class ServerDescriber
{
    private static (List<CloudPort> Ports, List<CloudNetwork> Networks) Ports(ServerFacts facts,
        CloudInventory project)
    {
        var used = facts.Ports.Select(p => p.NetworkId).Distinct(StringComparer.Ordinal).ToList();
        var names = NamesOf(used, project);
        var ports = facts.Ports.Select(p => Port(p, names, project)).ToList();
        return (ports, [.. used.Select(id => Network(id, names[id], project))]);
    }

    // Names of networks are not unique; two of one server that are called the same are told apart by their ids.
    private static Dictionary<string, string> NamesOf(IReadOnlyList<string> networks, CloudInventory project)
    {
        var written = networks.ToDictionary(id => id,
            id => project.Networks.FirstOrDefault(n => n.Id == id)?.Name is { Length: > 0 } name ? name : id);
        var twice = written.GroupBy(w => w.Value, StringComparer.Ordinal).Where(g => g.Count() > 1)
            .SelectMany(g => g).Select(w => w.Key).ToHashSet(StringComparer.Ordinal);
        return written.ToDictionary(w => w.Key, w => twice.Contains(w.Key) ? w.Key : w.Value);
    }

    private static CloudPort Port(NeutronPort port, Dictionary<string, string> names, CloudInventory project) =>
        new(names[port.NetworkId], port.MacAddress.ToLowerInvariant(),
            [.. (port.FixedIps ?? []).Where(a => a.IpAddress is not null).Select(a => new CloudAddress(a.IpAddress!,
                project.Subnets.FirstOrDefault(s => s.Id == a.SubnetId)?.Cidr ?? ""))],
            [.. (port.SecurityGroups ?? []).Select(id => GroupName(id, project))])
        {
            Name = port.Name is { Length: > 0 } name ? name : null,
            AllowedPairs = [.. (port.AllowedAddressPairs ?? []).Select(p => new CloudAddressPair(p.IpAddress,
                p.MacAddress is null || p.MacAddress == port.MacAddress ? null : p.MacAddress))],
            PortSecurity = port.PortSecurityEnabled,
            VnicType = port.VnicType ?? "normal",
            DnsName = port.DnsName is { Length: > 0 } dns ? dns : null,
            DnsDomain = port.DnsDomain is { Length: > 0 } domain ? domain : null,
            Floating = [.. project.FloatingIps.Where(f => f.PortId == port.Id).Select(f => Floating(f, project))],
        };

    private static CloudFloatingAddress Floating(NeutronFloatingIp address, CloudInventory project) =>
        new(address.FloatingIpAddress,
            project.Networks.FirstOrDefault(n => n.Id == address.FloatingNetworkId)?.Name ?? address.FloatingNetworkId,
            address.FixedIpAddress)
        {
            DnsName = address.DnsName is { Length: > 0 } dns ? dns : null,
            DnsDomain = address.DnsDomain is { Length: > 0 } domain ? domain : null,
        };

    private static CloudNetwork Network(string id, string name, CloudInventory project)
    {
        var network = project.Networks.FirstOrDefault(n => n.Id == id);
        var routers = project.RouterPorts.Where(p => p.NetworkId == id).GroupBy(p => p.DeviceId)
            .Select(g => (Router: project.Routers.FirstOrDefault(r => r.Id == g.Key), Ports: g.ToList()))
            .Where(r => r.Router is not null);
        return new CloudNetwork(name, network?.ProjectId == project.ProjectId,
            [.. project.SubnetsOf(id).Select(s => Subnet(s, project))])
        {
            Mtu = network?.Mtu,
            DnsDomain = network?.DnsDomain is { Length: > 0 } domain ? domain : null,
            PortSecurity = network?.PortSecurityEnabled ?? true,
            Routers = [.. routers.Select(r => Router(r.Router!, r.Ports, project))],
        };
    }

    private static CloudSubnet Subnet(NeutronSubnet subnet, CloudInventory project) =>
        new(subnet.Name, subnet.Cidr, subnet.IpVersion, subnet.GatewayIp, subnet.EnableDhcp)
        {
            DnsServers = subnet.DnsNameservers ?? [],
            Pools = [.. (subnet.AllocationPools ?? []).Select(p => new CloudPool(p.Start, p.End))],
            Routes = Routes(subnet.HostRoutes),
            Ipv6AddressMode = subnet.Ipv6AddressMode,
            Ipv6RaMode = subnet.Ipv6RaMode,
            DhcpAddresses = subnet.ChoosesItself ? [] : [.. project.DhcpPorts.SelectMany(p => p.FixedIps ?? [])
                .Where(a => a.SubnetId == subnet.Id).Select(a => a.IpAddress).OfType<string>()
                .Order(StringComparer.Ordinal)],
        };

    private static CloudRouter Router(NeutronRouter router, IReadOnlyList<NeutronPort> ports,
        CloudInventory project)
    {
        var gateway = router.ExternalGatewayInfo;
        return new CloudRouter(router.Name, gateway is null ? null
            : project.Networks.FirstOrDefault(n => n.Id == gateway.NetworkId)?.Name ?? gateway.NetworkId,
            gateway?.EnableSnat ?? true, Routes(router.Routes))
        {
            Addresses = [.. ports.SelectMany(p => p.FixedIps ?? []).Where(a => a.IpAddress is not null)
                .Select(a => new CloudAddress(a.IpAddress!,
                    project.Subnets.FirstOrDefault(s => s.Id == a.SubnetId)?.Cidr ?? ""))],
        };
    }

    private static IReadOnlyList<CloudRoute> Routes(IReadOnlyList<NeutronRoute>? routes) =>
        [.. (routes ?? []).Select(r => new CloudRoute(r.Destination, r.Nexthop))];

    // The ports' groups, and those that their rules let in: without them a rule would say nothing at the other side.
    private static List<CloudSecurityGroup> SecurityGroups(ServerFacts facts, CloudInventory project,
        List<string> untold)
    {
        var wanted = new Queue<string>(facts.Ports.SelectMany(p => p.SecurityGroups ?? []));
        var seen = new HashSet<string>(StringComparer.Ordinal);
        var found = new List<CloudSecurityGroup>();
        while (wanted.TryDequeue(out var id))
        {
            if (!seen.Add(id) || project.SecurityGroups.FirstOrDefault(g => g.Id == id) is not { } group) continue;
            var rules = group.SecurityGroupRules ?? [];
            foreach (var remote in rules.Select(r => r.RemoteGroupId).OfType<string>()) wanted.Enqueue(remote);
            // Left out rather than carried over without its condition, which would let everybody in.
            foreach (var _ in rules.Where(r => r.RemoteAddressGroupId is not null))
                untold.Add($"a rule of security group '{group.Name}' for an address group; it is left out");
            found.Add(new CloudSecurityGroup(GroupName(id, project), Made.Note(group.Description), group.Stateful,
                [.. rules.Where(r => r.RemoteAddressGroupId is null).Select(r => Rule(r, project))]));
        }
        return found;
    }

    private static CloudSecurityRule Rule(NeutronSecurityRule rule, CloudInventory project) =>
        new(rule.Direction, rule.Ethertype ?? "IPv4", rule.Protocol, rule.PortRangeMin, rule.PortRangeMax,
            rule.RemoteIpPrefix, rule.RemoteGroupId is { } id ? GroupName(id, project) : null);

    // Of two groups with one name the later ones are told apart by their ids.
    private static string GroupName(string id, CloudInventory project)
    {
        if (project.SecurityGroups.FirstOrDefault(g => g.Id == id) is not { } group) return id;
        return project.SecurityGroups.First(g => g.Name == group.Name).Id == id ? group.Name : id;
    }
}
