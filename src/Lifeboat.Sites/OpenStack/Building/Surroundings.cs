// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection.Instances;
using Lifeboat.Sites.OpenStack.Compute;
using Lifeboat.Sites.OpenStack.Describing;
using Lifeboat.Sites.OpenStack.Http;
using Lifeboat.Sites.OpenStack.Mapping;
using Lifeboat.Sites.OpenStack.Networking;

namespace Lifeboat.Sites.OpenStack.Building;

/// <summary>What a server needs around it, made where the mapping says that it is to be made.</summary>
internal sealed class Surroundings(CloudClients cloud, TimeProvider time)
{
    private const string OurMark = "(made by Lifeboat)";

    /// <summary>Ids of the server's security groups, by their names in the description.</summary>
    public async Task<IReadOnlyDictionary<string, string>> SecurityGroupsAsync(BuildOrder order, CancellationToken ct)
    {
        var ids = new Dictionary<string, string>(StringComparer.Ordinal);
        if (order.Bubble is not null) return ids;
        var wanted = CloudMapper.AsServer(order.Description).SecurityGroups;
        var ours = new List<CloudSecurityGroup>();
        foreach (var group in wanted)
        {
            var found = await MakeOnce.RunAsync(c => NamedAsync(group.Name, c),
                c => cloud.Neutron.CreateSecurityGroupAsync(new NewSecurityGroup(group.Name,
                    $"{group.Note} {OurMark}".Trim()), c),
                // Of those that somebody else made none is removed: a mapping has refused to choose.
                (_, _) => Task.CompletedTask, time, ct);
            ids[group.Name] = found.Id;
            // Also one of an attempt that ended before its rules were there.
            if (found.Description?.EndsWith(OurMark, StringComparison.Ordinal) is true) ours.Add(group);
        }
        // Rules name groups, so all groups come first.
        foreach (var group in ours) await RulesAsync(group, ids, ct);
        return ids;
    }

    public async Task<string?> KeypairAsync(BuildOrder order, CancellationToken ct)
    {
        if (order.Bubble is not null || CloudMapper.AsServer(order.Description).Keypair is not { } key
            || order.Mapping.Find(MappedKind.Keypair, key.Name) is not { } mapped) return null;
        if (mapped.Id is not null) return mapped.Id;
        return (await MakeOnce.RunAsync(
            async c => [.. (await cloud.Nova.KeypairsAsync(c)).Where(k => k.Name == key.Name)],
            c => cloud.Nova.CreateKeypairAsync(key.Name, key.Type ?? "ssh", key.PublicKey!, c),
            (_, _) => Task.CompletedTask, time, ct)).Name;
    }

    public async Task<string?> ServerGroupAsync(BuildOrder order, CancellationToken ct)
    {
        if (order.Bubble is not null || CloudMapper.AsServer(order.Description).ServerGroup is not { } group
            || order.Mapping.Find(MappedKind.ServerGroup, group.Name) is not { } mapped) return null;
        if (mapped.Id is not null) return mapped.Id;
        return (await MakeOnce.RunAsync(
            async c => [.. (await cloud.Nova.ServerGroupsAsync(c))
                .Where(g => g.Name == group.Name && g.Policy == group.Policy)],
            c => cloud.Nova.CreateServerGroupAsync(group.Name, group.Policy,
                group.MaxPerHost is { } max ? new NovaGroupRules(max) : null, c),
            (g, c) => cloud.Nova.DeleteServerGroupAsync(g.Id, c), time, ct)).Id;
    }

    public async Task<IReadOnlyList<NeutronPort>> PortsAsync(BuildOrder order,
        IReadOnlyDictionary<string, string> groups, CancellationToken ct)
    {
        var ports = new List<NeutronPort>();
        foreach (var (port, index) in CloudMapper.AsServer(order.Description).Ports.Select((p, i) => (p, i)))
        {
            var wanted = Wanted(order, port, index, groups);
            // Of an order that was given up and had another address, or another network.
            foreach (var stale in await cloud.Neutron.PortsNamedAsync(wanted.Name, ct))
                if (stale.Description != wanted.Description) await cloud.Neutron.DeletePortAsync(stale.Id, ct);
            ports.Add(await MakeOnce.RunAsync(c => cloud.Neutron.PortsNamedAsync(wanted.Name, c),
                c => cloud.Neutron.CreatePortAsync(wanted, c),
                (p, c) => cloud.Neutron.DeletePortAsync(p.Id, c), time, ct));
        }
        return ports;
    }

    public async Task FloatingAddressesAsync(BuildOrder order, IReadOnlyList<NeutronPort> ports, CancellationToken ct)
    {
        if (order.Bubble is not null) return;
        foreach (var (port, index) in CloudMapper.AsServer(order.Description).Ports.Select((p, i) => (p, i)))
            foreach (var (floating, number) in port.Floating.Select((f, i) => (f, i)))
            {
                var mark = $"{Name(order.Instance, index)}-{number}";
                if (order.Mapping.Find(MappedKind.FloatingPool, floating.Pool)?.Id is not { } pool) continue;
                await MakeOnce.RunAsync(
                    async c => [.. (await cloud.Neutron.FloatingIpsAsync(c)).Where(f => f.Description == mark)],
                    c => cloud.Neutron.CreateFloatingIpAsync(new NewFloatingIp(pool, ports[index].Id,
                        Description: mark), c),
                    (f, c) => cloud.Neutron.DeleteFloatingIpAsync(f.Id, c), time, ct);
            }
    }

    /// <summary>Ports and floating addresses that were made for an instance. What others may use by now stays:
    /// groups and keys.</summary>
    public async Task RemoveAsync(string instance, CancellationToken ct)
    {
        foreach (var floating in await cloud.Neutron.FloatingIpsAsync(ct))
            if (IsOf(instance, floating.Description)) await cloud.Neutron.DeleteFloatingIpAsync(floating.Id, ct);
        foreach (var port in await cloud.Neutron.PortsOfProjectAsync(ct))
            if (IsOf(instance, port.Name)) await cloud.Neutron.DeletePortAsync(port.Id, ct);
    }

    // `lifeboat/web/0` is of `web`, and of no `web-2`: instances have no slash in their names.
    internal static string MarkOf(string instance) => $"lifeboat/{instance}/";

    private static string Name(string instance, int port) => MarkOf(instance) + port;

    internal static bool IsOf(string instance, string? name) =>
        name?.StartsWith(MarkOf(instance), StringComparison.Ordinal) is true;

    private NewPort Wanted(BuildOrder order, CloudPort port, int index, IReadOnlyDictionary<string, string> groups)
    {
        var network = order.Bubble is { } bubble ? bubble.Networks[port.Network]
            : order.Mapping.Find(MappedKind.Network, port.Network)!.Id!;
        var newAddress = order.AddressesAnew.Contains(port.Network);
        // Nothing leads out of a bubble, and nothing is made for it that others could come to use.
        var secured = port.PortSecurity && order.Bubble is null;
        return new NewPort(Name(order.Instance, index), network)
        {
            MacAddress = port.Mac,
            FixedIps = newAddress || port.Addresses.Count == 0 ? null
                : [.. port.Addresses.Select(a => new NeutronFixedIp(null, a.Address))],
            AllowedAddressPairs = port.AllowedPairs.Count == 0 || !secured ? null
                : [.. port.AllowedPairs.Select(p => new NeutronAddressPair(p.Address, p.Mac))],
            SecurityGroups = !secured ? [] : port.SecurityGroups.Count == 0 ? null
                : [.. port.SecurityGroups.Select(g => groups[g])],
            PortSecurityEnabled = secured ? null : false,
            Description = order.Digest,
        };
    }

    private async Task RulesAsync(CloudSecurityGroup group, Dictionary<string, string> ids, CancellationToken ct)
    {
        foreach (var rule in group.Rules)
        {
            var wanted = new NeutronSecurityRule(rule.Direction, null, rule.Family, rule.Protocol, rule.PortFirst,
                rule.PortLast, rule.RemoteCidr, rule.RemoteGroup is { } remote ? ids[remote] : null, null,
                ids[group.Name]);
            try
            {
                await cloud.Neutron.CreateSecurityRuleAsync(wanted, ct);
            }
            catch (CloudException e) when (e.Fault is CloudFault.Conflict)
            {
                // Neutron has no two alike: it is there, from an earlier attempt or as every new group's own.
            }
        }
    }

    private async Task<IReadOnlyList<NeutronSecurityGroup>> NamedAsync(string name, CancellationToken ct) =>
        [.. (await cloud.Neutron.SecurityGroupsAsync(ct)).Where(g => g.Name == name)];
}
