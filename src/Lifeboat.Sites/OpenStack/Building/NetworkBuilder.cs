// SPDX-License-Identifier: Apache-2.0
using System.Net;
using Lifeboat.Protection.Instances;
using Lifeboat.Sites.OpenStack.Describing;
using Lifeboat.Sites.OpenStack.Http;
using Lifeboat.Sites.OpenStack.Mapping;
using Lifeboat.Sites.OpenStack.Networking;
using Microsoft.Extensions.Logging;

namespace Lifeboat.Sites.OpenStack.Building;

/// <summary>
/// Makes the networks that a mapping says are to be made, with their subnets and routers, as they are described. Servers
/// share them: each is looked for by its name and our mark, and gone on with where it was left. What others made is
/// never changed.
/// </summary>
// network, begun -> IPv4 subnets -> the DHCP servers' places -> DHCP on -> IPv6 subnets -> routers, their places, routes
// -> network, finished
internal sealed partial class NetworkBuilder(CloudClients cloud, TimeProvider time, ILogger<NetworkBuilder> logger)
{
    /// <summary>Ids of the networks that are made, by their names in the description.</summary>
    public async Task<IReadOnlyDictionary<string, string>> MakeAsync(BuildOrder order, CancellationToken ct)
    {
        var ids = new Dictionary<string, string>(StringComparer.Ordinal);
        if (order.Bubble is not null) return ids;
        foreach (var wanted in CloudMapper.AsServer(order.Description).Networks)
            if (order.Mapping.Find(MappedKind.Network, wanted.Name) is { Because: MappedBecause.ToBeMade })
                ids[wanted.Name] = await MakeAsync(wanted, order.Mapping, ct);
        return ids;
    }

    private async Task<string> MakeAsync(CloudNetwork wanted, ServerMapping mapping, CancellationToken ct)
    {
        var named = wanted.DnsDomain is not null
            && (await cloud.Neutron.ExtensionsAsync(ct)).Contains("dns-integration");
        var network = await MakeOnce.SharedAsync(c => OursAsync(wanted.Name, c),
            c => cloud.Neutron.CreateNetworkAsync(new NewNetwork(wanted.Name, Made.Begin(null))
            {
                DnsDomain = named ? wanted.DnsDomain : null,
                PortSecurityEnabled = wanted.PortSecurity ? null : false,
            }, c),
            (n, c) => cloud.Neutron.DeleteNetworkAsync(n.Id, c), n => (n.Id, n.CreatedAt), time, ct);
        if (!Made.IsBegun(network.Description)) return network.Id;
        // A larger one would not get through this cloud.
        if (wanted.Mtu < network.Mtu)
            await cloud.Neutron.ChangeNetworkAsync(network.Id, new NewNetwork(null, Mtu: wanted.Mtu), ct);
        else if (wanted.Mtu > network.Mtu) LogSmallerFrames(wanted.Name, network.Mtu!.Value, wanted.Mtu!.Value);
        var subnets = await SubnetsAsync(network.Id, wanted, ct);
        foreach (var router in wanted.Routers) await ConnectAsync(router, wanted, network.Id, subnets, mapping, ct);
        await cloud.Neutron.ChangeNetworkAsync(network.Id,
            new NewNetwork(null, Made.Finish(network.Description)), ct);
        LogMade(wanted.Name, network.Id);
        return network.Id;
    }

    private async Task<IReadOnlyList<NeutronSubnet>> SubnetsAsync(string network, CloudNetwork wanted,
        CancellationToken ct)
    {
        var made = new List<NeutronSubnet>();
        foreach (var subnet in wanted.Subnets.OrderBy(s => s.IpVersion))
        {
            // The first DHCP server that comes takes the first free address, which may be a server's.
            var later = subnet.Dhcp && subnet.IpVersion == 4;
            if (subnet.IpVersion == 6) await SwitchDhcpOnAsync();
            made.Add(await SubnetAsync(NewSubnets.Of(subnet, network) with
            {
                EnableDhcp = subnet.Dhcp && !later,
                DnsNameservers = subnet.DnsServers.Count == 0 ? null : subnet.DnsServers,
            }, ct));
        }
        await SwitchDhcpOnAsync();
        return made;

        async Task SwitchDhcpOnAsync()
        {
            var off = made.Where(m => !m.EnableDhcp && wanted.Subnets.Any(s => s.Cidr == m.Cidr && s.Dhcp)).ToList();
            if (off.Count == 0) return;
            await ReserveAsync(network, wanted, off, ct);
            foreach (var subnet in off)
            {
                await cloud.Neutron.EnableDhcpAsync(subnet.Id, ct);
                made[made.IndexOf(subnet)] = subnet with { EnableDhcp = true };
            }
        }
    }

    internal async Task<NeutronSubnet> SubnetAsync(NewSubnet wanted, CancellationToken ct)
    {
        // Neutron has no two subnets of one range on a network.
        try
        {
            return await MakeOnce.RunAsync(FindAsync, c => cloud.Neutron.CreateSubnetAsync(wanted, c),
                (_, _) => Task.CompletedTask, time, ct);
        }
        catch (CloudException e) when (e.Fault is CloudFault.Refused or CloudFault.Conflict)
        {
            // Another controller made it in between.
            if (await FindAsync(ct) is [var there, ..]) return there;
            throw;
        }

        async Task<IReadOnlyList<NeutronSubnet>> FindAsync(CancellationToken c) =>
            [.. (await cloud.Neutron.SubnetsAsync(c))
                .Where(s => s.NetworkId == wanted.NetworkId && s.Cidr == wanted.Cidr)];
    }

    // DHCP servers get the addresses that they had, which guests may have written down as those of name servers.
    private async Task ReserveAsync(string network, CloudNetwork wanted, IReadOnlyList<NeutronSubnet> subnets,
        CancellationToken ct)
    {
        var places = subnets.Select(s => (s.Id, wanted.Subnets.First(w => w.Cidr == s.Cidr).DhcpAddresses)).ToList();
        var there = await cloud.Neutron.PortsOnAsync(network, ct);
        for (var server = 0; server < places.Max(p => p.DhcpAddresses.Count); server++)
        {
            var addresses = places.Where(p => server < p.DhcpAddresses.Count)
                .Select(p => new NeutronFixedIp(p.Id, p.DhcpAddresses[server])).ToList();
            if (there.SelectMany(p => p.FixedIps ?? []).Any(f => f.IpAddress == addresses[0].IpAddress)) continue;
            try
            {
                await cloud.Neutron.CreatePortAsync(new NewPort("", network)
                {
                    FixedIps = addresses,
                    DeviceOwner = PortOwners.DhcpAgent,
                    DeviceId = PortOwners.ReservedForDhcp,
                }, ct);
            }
            catch (CloudException e) when (e.Fault is CloudFault.Forbidden or CloudFault.Refused
                or CloudFault.AddressTaken)
            {
                // By the cloud's own rules, or made by an attempt whose answer was lost.
                LogNotReserved(wanted.Name, addresses[0].IpAddress!, e.Message);
            }
        }
    }

    /// <summary>
    /// DHCP servers that took addresses which servers are to have give way, on a network that we made; there are more of
    /// them here than there were, or it was not known where they had been.
    /// </summary>
    /// <returns>False: it is nobody's who could give way.</returns>
    public async Task<bool> MakeWayAsync(string network, IReadOnlyCollection<string> wanted, CancellationToken ct)
    {
        if (!(await cloud.Neutron.NetworksAsync(ct)).Any(n => n.Id == network && Made.IsOurs(n.Description)))
            return false;
        var ports = await cloud.Neutron.PortsOnAsync(network, ct);
        var subnets = await cloud.Neutron.SubnetsAsync(ct);
        var taken = ports.SelectMany(p => p.FixedIps ?? []).Select(f => f.IpAddress).OfType<string>()
            .Concat(wanted).ToHashSet(StringComparer.Ordinal);
        var inTheWay = ports.Where(p => p.IsDhcp()
            && (p.FixedIps ?? []).Any(f => f.IpAddress is not null && wanted.Contains(f.IpAddress))).ToList();
        foreach (var port in inTheWay)
        {
            await cloud.Neutron.MovePortAsync(port.Id, [.. port.FixedIps!.Select(f => !wanted.Contains(f.IpAddress!)
                ? f : new NeutronFixedIp(f.SubnetId, LastFree(subnets.First(s => s.Id == f.SubnetId), taken)))], ct);
            LogGaveWay(port.Id, network);
        }
        return inTheWay.Count > 0;
    }

    // From the end, where nobody begins to count.
    private static string LastFree(NeutronSubnet subnet, HashSet<string> taken)
    {
        foreach (var pool in (subnet.AllocationPools ?? []).Reverse())
            for (var at = IPAddress.Parse(pool.End); ; at = Before(at))
            {
                if (at.ToString() != subnet.GatewayIp && taken.Add(at.ToString())) return at.ToString();
                if (at.Equals(IPAddress.Parse(pool.Start))) break;
            }
        throw new CloudException(CloudFault.AddressesUsedUp, $"subnet {subnet.Cidr} has no address left");
    }

    private static IPAddress Before(IPAddress address)
    {
        var bytes = address.GetAddressBytes();
        for (var i = bytes.Length - 1; bytes[i]-- == 0; i--)
        {
            // Borrowed from the byte before.
        }
        return new IPAddress(bytes);
    }

    private async Task<IReadOnlyList<NeutronNetwork>> OursAsync(string name, CancellationToken ct)
    {
        var project = await cloud.ProjectAsync(ct);
        return [.. (await cloud.Neutron.NetworksAsync(ct)).Where(n => n.Name == name && n.ProjectId == project
            && Made.IsOurs(n.Description)).OrderBy(n => n.CreatedAt)];
    }

    [LoggerMessage(EventIds.CloudNetworkMade, LogLevel.Information, "Made network {Network} ({NetworkId})")]
    private partial void LogMade(string network, string networkId);

    [LoggerMessage(EventIds.CloudFramesSmaller, LogLevel.Warning,
        "Network {Network} has an MTU of {Mtu} here, where it was {Wanted}: more does not get through this cloud")]
    private partial void LogSmallerFrames(string network, int mtu, int wanted);

    [LoggerMessage(EventIds.CloudDhcpNotReserved, LogLevel.Warning,
        "Network {Network}: the address {Address} is not kept for its DHCP server: {Message}")]
    private partial void LogNotReserved(string network, string address, string message);

    [LoggerMessage(EventIds.CloudDhcpMoved, LogLevel.Information,
        "The DHCP server's port {Port} on network {NetworkId} gave an address up that a server is to have")]
    private partial void LogGaveWay(string port, string networkId);

    [LoggerMessage(EventIds.CloudRoutesLeft, LogLevel.Warning,
        "Router {Router}: its route to {Destination} waits for a network that {NextHop} is on")]
    private partial void LogRouteLeft(string router, string destination, string nextHop);

    [LoggerMessage(EventIds.CloudSnatOn, LogLevel.Warning,
        "Router {Router} has SNAT here: this login may not switch it off")]
    private partial void LogSnatOn(string router);

    [LoggerMessage(EventIds.CloudNetworkRemoved, LogLevel.Information,
        "Removed {Kind} {Name}, which Lifeboat had made: nothing is on it any more")]
    private partial void LogRemoved(string kind, string name);

    [LoggerMessage(EventIds.CloudNetworkStays, LogLevel.Information, "{Kind} {Name} stays: {Message}")]
    private partial void LogStays(string kind, string name, string message);
}
