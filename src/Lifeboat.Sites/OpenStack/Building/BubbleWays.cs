// SPDX-License-Identifier: Apache-2.0
using System.Net;
using Lifeboat.Sites.OpenStack.Compute;
using Lifeboat.Sites.OpenStack.Describing;
using Lifeboat.Sites.OpenStack.Http;
using Lifeboat.Sites.OpenStack.Mapping;
using Lifeboat.Sites.OpenStack.Networking;

namespace Lifeboat.Sites.OpenStack.Building;

// Ways into a bubble: a router with one floating address for each instance that is to be reached. Invariants:
//   Before a router is on a network of the bubble, each port there that is not Neutron's own is held by the guard, a
//   security group that lets it begin nothing but with others that are held by it. So nothing of the bubble goes out
//   but what answers, whatever the router would do with it; not even a question for a name, which the DHCP server
//   would take on to other servers.
//   A port that is reached is besides held by a group of its own, which lets in that port, from whom was said.
//   All of it has the bubble's name, and goes with the bubble.
internal sealed class BubbleWays(CloudClients cloud, string? external, TimeProvider time)
{
    private const string Neutrons = "network:";

    /// <param name="networks">All of the bubble.</param>
    /// <param name="from">Who is let in, an IPv4 CIDR.</param>
    /// <returns>`address:port`.</returns>
    /// <exception cref="SiteException">Refused: the cloud has no way there, and why.</exception>
    public async Task<string> OpenAsync(string bubble, IReadOnlyList<NeutronNetwork> networks, NovaServer copy,
        string instance, int port, string from, CancellationToken ct)
    {
        var ids = networks.Select(n => n.Id).ToHashSet(StringComparer.Ordinal);
        var subnets = (await cloud.Neutron.SubnetsAsync(ct)).Where(s => ids.Contains(s.NetworkId)).ToList();
        ThrowIfInside(from, subnets);
        var pool = await PoolAsync(ct);
        var (reached, subnet, address) = PortOf(await cloud.Neutron.PortsAsync(copy.Id, ct), subnets, instance);
        var guard = await GroupAsync(Bubbles.Name(bubble, "guard"), id =>
            [.. from direction in new[] { "ingress", "egress" }
                from family in new[] { "IPv4", "IPv6" }
                select new NeutronSecurityRule(direction, Ethertype: family, RemoteGroupId: id, SecurityGroupId: id)],
            ct);
        var door = await GroupAsync(Bubbles.Name(bubble, $"{instance}:{port}"), id =>
            [new NeutronSecurityRule("ingress", Ethertype: "IPv4", Protocol: "tcp", PortRangeMin: port,
                PortRangeMax: port, RemoteIpPrefix: from, SecurityGroupId: id)], ct);
        await HoldAsync(bubble, networks, guard, reached, door, ct);
        var router = await RouterAsync(Bubbles.Name(bubble, "way"), pool, ct);
        await PlaceAsync(router, subnet, ct);
        var mark = Bubbles.Name(bubble, instance);
        var floating = await MakeOnce.RunAsync(
            async c => [.. (await cloud.Neutron.FloatingIpsAsync(c)).Where(f => f.Description == mark)],
            c => cloud.Neutron.CreateFloatingIpAsync(new NewFloatingIp(pool, reached.Id, address, Description: mark),
                c), (f, c) => cloud.Neutron.DeleteFloatingIpAsync(f.Id, c), time, ct);
        return $"{floating.FloatingIpAddress}:{port}";
    }

    /// <summary>Nothing leads into the bubble any more. Closing what is closed succeeds.</summary>
    public async Task CloseAsync(string bubble, CancellationToken ct)
    {
        foreach (var floating in await FloatingAsync(bubble, ct))
            await cloud.Neutron.DeleteFloatingIpAsync(floating.Id, ct);
        foreach (var router in await RoutersAsync(bubble, ct))
        {
            foreach (var port in (await cloud.Neutron.ServicePortsAsync(ct))
                .Where(p => p.IsRouter() && p.DeviceId == router.Id))
                await cloud.Neutron.RemoveInterfaceAsync(router.Id, new RouterInterface(PortId: port.Id), ct);
            await cloud.Neutron.DeleteRouterAsync(router.Id, ct);
        }
    }

    /// <summary>The groups, once no port has them any more.</summary>
    public async Task DropGroupsAsync(string bubble, CancellationToken ct)
    {
        foreach (var group in await GroupsAsync(bubble, ct)) await cloud.Neutron.DeleteSecurityGroupAsync(group.Id, ct);
    }

    public async Task<IReadOnlyList<string>> LeftAsync(string bubble, CancellationToken ct) =>
    [
        .. (await FloatingAsync(bubble, ct)).Select(f => $"floating address {f.FloatingIpAddress} ({f.Id})"),
        .. (await RoutersAsync(bubble, ct)).Select(r => $"router {r.Name} ({r.Id})"),
        .. (await GroupsAsync(bubble, ct)).Select(g => $"security group {g.Name} ({g.Id})"),
    ];

    // Who has an address of the bubble's ranges is answered inside of it, by whoever has that address there.
    private static void ThrowIfInside(string from, IReadOnlyList<NeutronSubnet> subnets)
    {
        var asked = IPNetwork.Parse(from);
        // Everybody is meant but for those.
        if (asked.PrefixLength == 0) return;
        foreach (var subnet in subnets.Where(s => s.IpVersion == 4))
        {
            var inside = IPNetwork.Parse(subnet.Cidr);
            if (inside.Contains(asked.BaseAddress) || asked.Contains(inside.BaseAddress))
                throw new SiteException(SiteFault.Refused, $"{from} and the drill's network {subnet.Cidr} overlap: "
                    + "what answers them would stay in the drill. Look from an address outside of it");
        }
    }

    private async Task<string> PoolAsync(CancellationToken ct)
    {
        var all = (await cloud.Neutron.NetworksAsync(ct)).Where(n => n.External).OrderBy(n => n.Name).ToList();
        var chosen = external is null ? all : all.Where(n => n.Name == external || n.Id == external).ToList();
        return chosen is [var only] ? only.Id : throw new SiteException(SiteFault.Refused,
            $"a way into a drill leads from an external network, and there are {(all.Count == 0 ? "none"
                : string.Join(", ", all.Select(n => n.Name)))}: options.drillExternalNetwork says which it is"
            + (external is null ? "" : $"; now that is '{external}'"));
    }

    private static (NeutronPort Port, NeutronSubnet Subnet, string Address) PortOf(IReadOnlyList<NeutronPort> ports,
        IReadOnlyList<NeutronSubnet> subnets, string instance)
    {
        foreach (var port in ports)
            foreach (var fixedIp in port.FixedIps ?? [])
                if (subnets.FirstOrDefault(s => s.Id == fixedIp.SubnetId && s.IpVersion == 4 && s.GatewayIp is not null)
                    is { } subnet) return (port, subnet, fixedIp.IpAddress!);
        throw new SiteException(SiteFault.Refused, $"{instance} has no IPv4 address on a network of the drill that has "
            + "a gateway: what it answers would find no way back");
    }

    // Exactly these rules, before anything has the group.
    private async Task<NeutronSecurityGroup> GroupAsync(string name,
        Func<string, IReadOnlyList<NeutronSecurityRule>> rules, CancellationToken ct)
    {
        var made = await MakeOnce.RunAsync(c => NamedAsync(name, c),
            c => cloud.Neutron.CreateSecurityGroupAsync(new NewSecurityGroup(name, "Of a drill"), c),
            (g, c) => cloud.Neutron.DeleteSecurityGroupAsync(g.Id, c), time, ct);
        var wanted = rules(made.Id).ToDictionary(Signature, StringComparer.Ordinal);
        var there = (await NamedAsync(name, ct)).First(g => g.Id == made.Id).SecurityGroupRules ?? [];
        foreach (var surplus in there.Where(r => !wanted.ContainsKey(Signature(r))))
            await cloud.Neutron.DeleteSecurityRuleAsync(surplus.Id!, ct);
        foreach (var rule in wanted.ExceptBy(there.Select(Signature), w => w.Key))
            await cloud.Neutron.CreateSecurityRuleAsync(rule.Value, ct);
        return made;
    }

    private async Task HoldAsync(string bubble, IReadOnlyList<NeutronNetwork> networks, NeutronSecurityGroup guard,
        NeutronPort reached, NeutronSecurityGroup door, CancellationToken ct)
    {
        var ours = (await GroupsAsync(bubble, ct)).Select(g => g.Id).ToHashSet(StringComparer.Ordinal);
        foreach (var network in networks)
            foreach (var port in await GuestsAsync(network, ct))
            {
                var groups = (port.SecurityGroups ?? []).Where(ours.Contains).Append(guard.Id).ToHashSet();
                if (port.Id == reached.Id) groups.Add(door.Id);
                if (!port.PortSecurityEnabled || !groups.SetEquals(port.SecurityGroups ?? []))
                    await cloud.Neutron.HoldPortAsync(port.Id, [.. groups], ct);
            }
        // Looked at once more: what was believed of a port is not enough to lead out of its network.
        foreach (var network in networks)
            foreach (var port in await GuestsAsync(network, ct))
                if (!port.PortSecurityEnabled || port.SecurityGroups?.Contains(guard.Id) is not true
                    || !port.SecurityGroups.All(ours.Contains))
                    throw new SiteException(SiteFault.Refused,
                        $"port {port.Name ?? port.Id} in {network.Name} is not held by its guard");
    }

    private async Task<IEnumerable<NeutronPort>> GuestsAsync(NeutronNetwork network, CancellationToken ct) =>
        (await cloud.Neutron.PortsOnAsync(network.Id, ct)).Where(p =>
            p.DeviceOwner?.StartsWith(Neutrons, StringComparison.Ordinal) is not true);

    // Without SNAT where the cloud lets a member say so; the guard does not need it.
    private async Task<string> RouterAsync(string name, string pool, CancellationToken ct)
    {
        return (await MakeOnce.RunAsync(NamedRoutersAsync, MakeAsync,
            (r, c) => cloud.Neutron.DeleteRouterAsync(r.Id, c), time, ct)).Id;

        async Task<IReadOnlyList<NeutronRouter>> NamedRoutersAsync(CancellationToken c) =>
            [.. (await OwnRoutersAsync(c)).Where(r => r.Name == name)];

        async Task<NeutronRouter> MakeAsync(CancellationToken c)
        {
            try
            {
                return await cloud.Neutron.CreateRouterAsync(
                    new NewRouter(name, "Of a drill", new NeutronGateway(pool, false)), c);
            }
            catch (CloudException e) when (e.Fault is CloudFault.Forbidden)
            {
                return await cloud.Neutron.CreateRouterAsync(
                    new NewRouter(name, "Of a drill", new NeutronGateway(pool)), c);
            }
        }
    }

    private async Task PlaceAsync(string router, NeutronSubnet subnet, CancellationToken ct)
    {
        if ((await cloud.Neutron.PortsOnAsync(subnet.NetworkId, ct)).Any(p => p.IsRouter() && p.DeviceId == router
            && (p.FixedIps ?? []).Any(f => f.SubnetId == subnet.Id))) return;
        await cloud.Neutron.AddInterfaceAsync(router, new RouterInterface(subnet.Id), ct);
    }

    private async Task<IReadOnlyList<NeutronSecurityGroup>> NamedAsync(string name, CancellationToken ct) =>
        [.. (await cloud.Neutron.SecurityGroupsAsync(ct)).Where(g => g.Name == name).OrderBy(g => g.CreatedAt)];

    private async Task<IReadOnlyList<NeutronSecurityGroup>> GroupsAsync(string bubble, CancellationToken ct) =>
        [.. (await cloud.Neutron.SecurityGroupsAsync(ct)).Where(g => IsOf(bubble, g.Name))];

    private async Task<IReadOnlyList<NeutronRouter>> RoutersAsync(string bubble, CancellationToken ct) =>
        [.. (await OwnRoutersAsync(ct)).Where(r => IsOf(bubble, r.Name))];

    private async Task<IReadOnlyList<NeutronRouter>> OwnRoutersAsync(CancellationToken ct)
    {
        var project = await cloud.ProjectAsync(ct);
        return [.. (await cloud.Neutron.RoutersAsync(ct)).Where(r => r.ProjectId == project)];
    }

    private async Task<IReadOnlyList<NeutronFloatingIp>> FloatingAsync(string bubble, CancellationToken ct) =>
        [.. (await cloud.Neutron.FloatingIpsAsync(ct)).Where(f => IsOf(bubble, f.Description))];

    private static bool IsOf(string bubble, string? name) =>
        name?.StartsWith(Bubbles.Name(bubble, ""), StringComparison.Ordinal) is true;

    private static string Signature(NeutronSecurityRule rule) => SecurityRules.Signature(rule, id => id);
}
