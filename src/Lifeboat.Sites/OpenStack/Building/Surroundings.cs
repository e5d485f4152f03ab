// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection.Instances;
using Lifeboat.Sites.OpenStack.Compute;
using Lifeboat.Sites.OpenStack.Describing;
using Lifeboat.Sites.OpenStack.Http;
using Lifeboat.Sites.OpenStack.Mapping;
using Lifeboat.Sites.OpenStack.Networking;

namespace Lifeboat.Sites.OpenStack.Building;

/// <summary>What a server needs around it, made where the mapping says that it is to be made.</summary>
internal sealed class Surroundings(CloudClients cloud, NetworkBuilder networks, TimeProvider time)
{
    /// <summary>Ids of the server's security groups, by their names in the description.</summary>
    public async Task<IReadOnlyDictionary<string, string>> SecurityGroupsAsync(BuildOrder order, CancellationToken ct)
    {
        var ids = new Dictionary<string, string>(StringComparer.Ordinal);
        if (order.Bubble is not null) return ids;
        var wanted = CloudMapper.AsServer(order.Description).SecurityGroups;
        var begun = new List<(CloudSecurityGroup Wanted, NeutronSecurityGroup Made)>();
        foreach (var group in wanted)
        {
            // Of those that somebody else made none is removed: a mapping has refused to choose.
            var found = await MakeOnce.SharedAsync(c => NamedAsync(group.Name, c),
                c => cloud.Neutron.CreateSecurityGroupAsync(new NewSecurityGroup(group.Name, Made.Begin(group.Note),
                    group.Stateful ? null : false), c),
                (g, c) => cloud.Neutron.DeleteSecurityGroupAsync(g.Id, c), g => (g.Id, g.CreatedAt), time, ct);
            ids[group.Name] = found.Id;
            // Also one of an attempt that ended before its rules were there.
            if (Made.IsBegun(found.Description)) begun.Add((group, found));
        }
        // Rules name groups, so all groups come first.
        foreach (var (group, made) in begun) await RulesAsync(group, made, ids, ct);
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

    /// <param name="made">Networks that are made for the order, by their names in the description.</param>
    public async Task<IReadOnlyList<NeutronPort>> PortsAsync(BuildOrder order,
        IReadOnlyDictionary<string, string> groups, IReadOnlyDictionary<string, string> made, CancellationToken ct)
    {
        var ports = new List<NeutronPort>();
        foreach (var (port, index) in CloudMapper.AsServer(order.Description).Ports.Select((p, i) => (p, i)))
        {
            var wanted = Wanted(order, port, index, groups, made);
            // Of an order that was given up and had another address, or another network.
            foreach (var stale in await cloud.Neutron.PortsNamedAsync(wanted.Name, ct))
                if (stale.Description != wanted.Description) await cloud.Neutron.DeletePortAsync(stale.Id, ct);
            ports.Add(await MakeOnce.RunAsync(c => cloud.Neutron.PortsNamedAsync(wanted.Name, c),
                c => PortAsync(wanted, c),
                (p, c) => cloud.Neutron.DeletePortAsync(p.Id, c), time, ct));
        }
        return ports;
    }

    private async Task<NeutronPort> PortAsync(NewPort wanted, CancellationToken ct)
    {
        try
        {
            return await cloud.Neutron.CreatePortAsync(wanted, ct);
        }
        catch (CloudException e) when (e.Fault is CloudFault.AddressTaken && wanted.FixedIps is { Count: > 0 })
        {
            var addresses = wanted.FixedIps.Select(f => f.IpAddress).OfType<string>().ToHashSet(StringComparer.Ordinal);
            if (!await networks.MakeWayAsync(wanted.NetworkId, addresses, ct)) throw;
            return await cloud.Neutron.CreatePortAsync(wanted, ct);
        }
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
                        (ports[index].FixedIps ?? []).Any(f => f.IpAddress == floating.To) ? floating.To : null,
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

    private static NewPort Wanted(BuildOrder order, CloudPort port, int index,
        IReadOnlyDictionary<string, string> groups, IReadOnlyDictionary<string, string> made)
    {
        var network = order.Bubble is { } bubble ? bubble.Networks[port.Network]
            : made.GetValueOrDefault(port.Network) ?? order.Mapping.Find(MappedKind.Network, port.Network)!.Id!;
        var described = order.Description.Cloud is not null;
        // Nothing leads out of a bubble, and nothing is made for it that others could come to use.
        var secured = port.PortSecurity && order.Bubble is null;
        return new NewPort(Name(order.Instance, index), network)
        {
            MacAddress = port.Mac,
            FixedIps = order.AddressesAnew.Contains(port.Network) ? null : Chosen(order, port) is { Count: > 0 } chosen
                ? [.. chosen.Select(a => new NeutronFixedIp(null, a))] : described && port.Addresses.Count == 0 ? [] : null,
            AllowedAddressPairs = port.AllowedPairs.Count == 0 || !secured ? null
                : [.. port.AllowedPairs.Select(p => new NeutronAddressPair(p.Address, p.Mac))],
            SecurityGroups = !secured ? [] : port.SecurityGroups.Count == 0 && !described ? null
                : [.. port.SecurityGroups.Select(g => groups[g])],
            PortSecurityEnabled = secured ? null : false,
            Description = order.Digest,
        };
    }

    // Those of some subnets follow from the MAC: Neutron adds them by itself, and refuses to be told.
    private static IReadOnlyList<string> Chosen(BuildOrder order, CloudPort port)
    {
        var subnets = CloudMapper.AsServer(order.Description).Networks.First(n => n.Name == port.Network).Subnets;
        return [.. port.Addresses.Where(a => subnets.All(s => s.Cidr != a.Subnet || !s.ChoosesItself))
            .Select(a => a.Address)];
    }

    private async Task RulesAsync(CloudSecurityGroup group, NeutronSecurityGroup made, Dictionary<string, string> ids,
        CancellationToken ct)
    {
        var wanted = group.Rules.Select(SecurityRules.Signature).ToHashSet(StringComparer.Ordinal);
        // A new group lets everything out, which the one that it stands for may not do.
        var has = (await NamedAsync(group.Name, ct)).First(g => g.Id == made.Id).SecurityGroupRules ?? [];
        var signed = has.ToLookup(r => SecurityRules.Signature(r,
            id => ids.FirstOrDefault(i => i.Value == id).Key ?? id), StringComparer.Ordinal);
        foreach (var surplus in SecurityRules.OfNewGroup.Where(r => !wanted.Contains(r)).SelectMany(r => signed[r]))
            await cloud.Neutron.DeleteSecurityRuleAsync(surplus.Id!, ct);
        foreach (var rule in group.Rules.Where(r => !signed.Contains(SecurityRules.Signature(r))))
            await RuleAsync(new NeutronSecurityRule(rule.Direction, null, rule.Family, rule.Protocol, rule.PortFirst,
                rule.PortLast, rule.RemoteCidr, rule.RemoteGroup is { } remote ? ids[remote] : null, null, made.Id),
                ct);
        await cloud.Neutron.ChangeSecurityGroupAsync(made.Id,
            new NewSecurityGroup(group.Name, Made.Finish(made.Description)), ct);
    }

    private async Task RuleAsync(NeutronSecurityRule rule, CancellationToken ct)
    {
        try
        {
            await cloud.Neutron.CreateSecurityRuleAsync(rule, ct);
        }
        catch (CloudException e) when (e.Fault is CloudFault.Conflict)
        {
            // Neutron has no two alike: it is there, written in another way.
        }
    }

    private async Task<IReadOnlyList<NeutronSecurityGroup>> NamedAsync(string name, CancellationToken ct) =>
        [.. (await cloud.Neutron.SecurityGroupsAsync(ct)).Where(g => g.Name == name).OrderBy(g => g.CreatedAt)];
}
