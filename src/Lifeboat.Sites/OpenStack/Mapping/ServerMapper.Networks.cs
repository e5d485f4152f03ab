// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection.Instances;
using Lifeboat.Sites.OpenStack.Building;
using Lifeboat.Sites.OpenStack.Networking;

namespace Lifeboat.Sites.OpenStack.Mapping;

internal sealed partial class ServerMapper
{
    // Told -> the one of its name -> of several, the one that holds its addresses -> the one with its subnets -> made.
    private void MapNetwork(CloudNetwork wanted)
    {
        if (isolated) CountBubble(wanted);
        var usable = cloud.Networks.Where(n => (!n.External || n.Shared) && (n.Shared || IsOwn(n.ProjectId))
            && !Bubbles.IsOne(n) && !Made.IsBegun(n.Description)).ToList();
        if (told.Networks.TryGetValue(wanted.Name, out var name))
        {
            var found = usable.Where(n => n.Id == name || n.Name == name).ToList();
            if (found.Count == 0)
                _gaps.Add(NotThere("network", "networks", wanted.Name, name, usable.Select(n => n.Name)));
            else if (found.Count > 1) _gaps.Add(Ambiguous(name, found));
            else Use(wanted, found[0], MappedBecause.Told);
            return;
        }
        var named = usable.Where(n => n.Name == wanted.Name).ToList();
        if (named.Count > 1 && named.Where(n => AddressesOn(wanted).All(a => IsIn(a, n))).ToList() is [var only])
            named = [only];
        if (named.Count > 1)
            _gaps.Add(Ambiguous(wanted.Name, named));
        else if (named.Count == 1)
            Use(wanted, named[0], MappedBecause.SameName);
        else if (usable.Where(n => HasSubnets(n, wanted)).ToList() is [var alike])
            Use(wanted, alike, MappedBecause.SameSubnets);
        else if (wanted.Subnets.Count > 0 && (wanted.Own || isolated))
            Make(wanted);
        else
            _gaps.Add($"network '{wanted.Name}' is not here, and it is not the project's own to be made again; there "
                + $"are {List(usable.Select(n => n.Name))} (options.map.networks says which one)");
    }

    private void Use(CloudNetwork wanted, NeutronNetwork found, MappedBecause because)
    {
        Take(MappedKind.Network, wanted.Name, because, found.Id, found.Name, ours: Made.IsOurs(found.Description));
        if (!found.AdminStateUp) _gaps.Add($"network '{found.Name}' is switched off");
        var addresses = AddressesOn(wanted).ToList();
        if (addresses.Count > 0 && found.ProjectId is not null && found.ProjectId != cloud.ProjectId)
            _notes.Add($"network '{found.Name}' is another project's: by Neutron's own rules only its owner may "
                + "choose addresses and MACs on it");
        var subnets = string.Join(", ", cloud.SubnetsOf(found.Id).Select(s => s.Cidr));
        foreach (var address in addresses.Where(a => !IsIn(a, found)))
            _gaps.Add($"network '{found.Name}': {address} is in none of its subnets ({subnets}); another network "
                + "(options.map.networks), or another address (options.map.newAddresses)");
        foreach (var gateway in cloud.SubnetsOf(found.Id).Where(s => s.GatewayIp is not null
            && addresses.Contains(s.GatewayIp)))
            _gaps.Add($"network '{found.Name}': {gateway.GatewayIp} is the gateway of {gateway.Cidr} here");
    }

    private void MapPort(CloudPort port)
    {
        needs.Network("port", 1);
        if (port.VnicType != "normal")
            _notes.Add($"port {port.Mac} is of the kind '{port.VnicType}', which needs hardware; here it is 'normal'");
        if (isolated) return;
        foreach (var floating in port.Floating)
            if (Pool(floating.Pool) is { } pool) needs.FloatingAddress(pool);
    }

    // Floating addresses are of a cloud: the server gets another one here.
    private string? Pool(string from)
    {
        if (Find(MappedKind.FloatingPool, from) is { } before) return before.Id;
        var pools = cloud.Networks.Where(n => n.External).ToList();
        if (told.FloatingPools.TryGetValue(from, out var name))
        {
            if (pools.FirstOrDefault(p => p.Id == name || p.Name == name) is { } wished)
                return Taken(wished, MappedBecause.Told);
            _gaps.Add(NotThere("floating pool", "floatingPools", from, name, pools.Select(p => p.Name)));
            return null;
        }
        if (pools.FirstOrDefault(p => p.Name == from) is { } same) return Taken(same, MappedBecause.SameName);
        if (pools is [var only]) return Taken(only, MappedBecause.Default);
        _gaps.Add($"floating pool '{from}' is not here; there are {List(pools.Select(p => p.Name))} "
            + "(options.map.floatingPools says which one)");
        return null;

        string Taken(NeutronNetwork pool, MappedBecause because)
        {
            Take(MappedKind.FloatingPool, from, because, pool.Id, pool.Name);
            return pool.Id;
        }
    }

    private void MapSecurityGroup(CloudSecurityGroup wanted)
    {
        var same = cloud.SecurityGroups.Where(g => g.Name == wanted.Name && !Made.IsBegun(g.Description)).ToList();
        if (same.Count > 1)
            _gaps.Add($"security group '{wanted.Name}' is here {same.Count} times; rename all but one");
        if (same is [var found, ..])
        {
            Take(MappedKind.SecurityGroup, wanted.Name, MappedBecause.SameName, found.Id, found.Name);
            var has = (found.SecurityGroupRules ?? []).Select(Signature).ToHashSet(StringComparer.Ordinal);
            var had = wanted.Rules.Select(SecurityRules.Signature).ToHashSet(StringComparer.Ordinal);
            if (!has.SetEquals(had))
                _notes.Add($"security group '{wanted.Name}' has other rules here: {had.Except(has).Count()} missing, "
                    + $"{has.Except(had).Count()} more");
            return;
        }
        foreach (var rule in wanted.Rules.Where(r => r.RemoteGroup is not null
            && _server.SecurityGroups.All(g => g.Name != r.RemoteGroup)))
            _gaps.Add($"security group '{wanted.Name}' lets in group '{rule.RemoteGroup}', which is not described");
        Take(MappedKind.SecurityGroup, wanted.Name, MappedBecause.ToBeMade, null, wanted.Name,
            $"{wanted.Rules.Count} rules");
        if (!needs.MadeFirst($"security group {wanted.Name}")) return;
        needs.Network("security_group", 1);
        // Neutron puts two of its own into every new one.
        needs.Network("security_group_rule", wanted.Rules.Select(SecurityRules.Signature)
            .Union(SecurityRules.OfNewGroup, StringComparer.Ordinal).Count());
    }

    private IEnumerable<string> AddressesOn(CloudNetwork network) => told.NewAddresses.Contains(network.Name) ? []
        : _server.Ports.Where(p => p.Network == network.Name).SelectMany(p => p.Addresses).Select(a => a.Address);

    private bool IsIn(string address, NeutronNetwork network) =>
        cloud.SubnetsOf(network.Id).Any(s => IsIn(address, s.Cidr));

    private bool HasSubnets(NeutronNetwork network, CloudNetwork wanted) => wanted.Subnets.Count > 0
        && wanted.Subnets.All(w => cloud.SubnetsOf(network.Id).Any(s => s.Cidr == w.Cidr));

    private static string Ambiguous(string name, IReadOnlyList<NeutronNetwork> found) =>
        $"there are {found.Count} networks '{name}' here ({string.Join(", ", found.Select(n => n.Id))}); "
        + "options.map.networks says which one, by its id";

    private bool IsOwn(string? project) => project is null || project == cloud.ProjectId;

    private string Signature(NeutronSecurityRule rule) => SecurityRules.Signature(rule,
        id => cloud.SecurityGroups.FirstOrDefault(g => g.Id == id)?.Name ?? id);
}
