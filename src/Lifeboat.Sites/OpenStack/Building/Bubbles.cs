// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection.Instances;
using Lifeboat.Sites.OpenStack.Compute;
using Lifeboat.Sites.OpenStack.Describing;
using Lifeboat.Sites.OpenStack.Http;
using Lifeboat.Sites.OpenStack.Mapping;
using Lifeboat.Sites.OpenStack.Networking;

namespace Lifeboat.Sites.OpenStack.Building;

/// <summary>
/// Isolated networks for drills: each with the subnets of the one that it stands for, so that copies keep their
/// addresses, and on no router, so that nothing leads out. They have the bubble's name in their own (I8).
/// </summary>
internal sealed class Bubbles(CloudClients cloud, TimeProvider time)
{
    public async Task CreateAsync(string bubble, IReadOnlyList<InstanceDescription> members, CloudInventory project,
        RecoveryMap map, CancellationToken ct)
    {
        var mapped = CloudMapper.Map(members, project, map).Servers;
        foreach (var (member, mapping) in members.Zip(mapped))
            foreach (var network in CloudMapper.AsServer(member).Networks)
            {
                var stands = mapping.Find(MappedKind.Network, network.Name)?.Id;
                var name = Name(bubble, network.Name);
                var made = await MakeOnce.RunAsync(c => NamedAsync(name, c),
                    c => cloud.Neutron.CreateNetworkAsync(new NewNetwork(name,
                        $"Isolated, for the drill {bubble} (made by Lifeboat)"), c),
                    (n, c) => cloud.Neutron.DeleteNetworkAsync(n.Id, c), time, ct);
                var subnets = stands is null ? network.Subnets.Select(s => Alike(s, made.Id))
                    : project.SubnetsOf(stands).Select(s => Alike(s, made.Id));
                await SubnetsAsync(made.Id, [.. subnets], ct);
            }
    }

    /// <exception cref="SiteException">NetworkUnknown: the bubble has no such network.</exception>
    public async Task<BubbleNetworks> FindAsync(string bubble, InstanceDescription member, CancellationToken ct)
    {
        var there = await OfAsync(bubble, ct);
        return new BubbleNetworks(bubble, CloudMapper.AsServer(member).Networks.ToDictionary(n => n.Name,
            n => there.FirstOrDefault(t => t.Name == Name(bubble, n.Name))?.Id ?? throw new SiteException(
                SiteFault.NetworkUnknown, $"bubble {bubble} has no network '{n.Name}'"), StringComparer.Ordinal));
    }

    /// <summary>Removes the networks; the copies on them are gone.</summary>
    public async Task DeleteAsync(string bubble, CancellationToken ct)
    {
        foreach (var network in await OfAsync(bubble, ct)) await cloud.Neutron.DeleteNetworkAsync(network.Id, ct);
    }

    public async Task<IReadOnlyList<string>> LeftAsync(string bubble, CancellationToken ct) =>
        [.. (await OfAsync(bubble, ct)).Select(n => $"network {n.Name} ({n.Id})")];

    public static bool IsIn(NovaServer server, string bubble) =>
        server.Metadata?.GetValueOrDefault(BuildOrder.BubbleKey) == bubble;

    private async Task SubnetsAsync(string network, IReadOnlyList<NewSubnet> wanted, CancellationToken ct)
    {
        foreach (var subnet in wanted)
            await MakeOnce.RunAsync(
                async c => [.. (await cloud.Neutron.SubnetsAsync(c))
                    .Where(s => s.NetworkId == network && s.Cidr == subnet.Cidr)],
                c => cloud.Neutron.CreateSubnetAsync(subnet, c),
                // Neutron has no two subnets of one range on a network.
                (_, _) => Task.CompletedTask, time, ct);
    }

    private static NewSubnet Alike(NeutronSubnet subnet, string network) =>
        new(subnet.Name, network, subnet.Cidr, subnet.IpVersion)
        {
            GatewayIp = subnet.GatewayIp,
            EnableDhcp = subnet.EnableDhcp,
            AllocationPools = subnet.AllocationPools,
            HostRoutes = subnet.HostRoutes is { Count: > 0 } routes ? routes : null,
            Ipv6AddressMode = subnet.Ipv6AddressMode,
            Ipv6RaMode = subnet.Ipv6RaMode,
        };

    private static NewSubnet Alike(CloudSubnet subnet, string network) =>
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

    private async Task<IReadOnlyList<NeutronNetwork>> NamedAsync(string name, CancellationToken ct) =>
        [.. (await cloud.Neutron.NetworksAsync(ct)).Where(n => n.Name == name)];

    private async Task<IReadOnlyList<NeutronNetwork>> OfAsync(string bubble, CancellationToken ct) =>
        [.. (await cloud.Neutron.NetworksAsync(ct)).Where(n => n.Name.StartsWith(Name(bubble, ""),
            StringComparison.Ordinal))];

    private static string Name(string bubble, string network) =>
        $"lifeboat-bubble/{bubble}/{network}";
}
