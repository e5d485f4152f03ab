// SPDX-License-Identifier: Apache-2.0
using System.Net;
using Lifeboat.Protection.Instances;
using Lifeboat.Sites.OpenStack.Building;

namespace Lifeboat.Sites.OpenStack.Mapping;

/// <summary>Networks and routers that are made from the description.</summary>
internal sealed partial class ServerMapper
{
    private void Make(CloudNetwork wanted)
    {
        Take(MappedKind.Network, wanted.Name, MappedBecause.ToBeMade, null, wanted.Name,
            string.Join(", ", wanted.Subnets.Select(s => s.Cidr)));
        foreach (var address in AddressesOn(wanted).Where(a => !wanted.Subnets.Any(s => IsIn(a, s.Cidr))))
            _gaps.Add($"network '{wanted.Name}' is to be made, and {address} is in none of its subnets "
                + $"({string.Join(", ", wanted.Subnets.Select(s => s.Cidr))}); another network "
                + "(options.map.networks), or another address (options.map.newAddresses)");
        if (isolated) return;
        // One of an attempt that was cut short is gone on with.
        var begun = cloud.Networks.FirstOrDefault(n => n.Name == wanted.Name && Made.IsBegun(n.Description)
            && IsOwn(n.ProjectId));
        if (needs.MadeFirst($"network {wanted.Name}"))
        {
            if (begun is null) needs.Network("network", 1);
            needs.Network("subnet", wanted.Subnets.Count(s => begun is null
                || cloud.SubnetsOf(begun.Id).All(h => h.Cidr != s.Cidr)));
            needs.Network("port", DhcpPorts(wanted) + wanted.Routers.Sum(r => RouterPorts(wanted, r)));
        }
        foreach (var router in wanted.Routers) MapRouter(router);
    }

    // What a network in a bubble asks for; there is one for each of the description's, whatever is here already.
    private void CountBubble(CloudNetwork wanted)
    {
        if (!needs.MadeFirst($"network {wanted.Name}")) return;
        needs.Network("network", 1);
        needs.Network("subnet", wanted.Subnets.Count);
        needs.Network("port", DhcpPorts(wanted));
    }

    private static int DhcpPorts(CloudNetwork network) => network.Subnets.Any(s => s.Dhcp)
        ? Math.Max(1, network.Subnets.Max(s => s.DhcpAddresses.Count)) : 0;

    // One for each IPv4 subnet, one for all IPv6 subnets together.
    private static int RouterPorts(CloudNetwork network, CloudRouter router)
    {
        var addresses = router.AddressesOn(network).ToList();
        return addresses.Count(a => !a.Address.Contains(':')) + (addresses.Any(a => a.Address.Contains(':')) ? 1 : 0);
    }

    // Told -> ours of that name -> made. Somebody else's is not put on another network unasked.
    private void MapRouter(CloudRouter wanted)
    {
        if (Find(MappedKind.Router, wanted.Name) is not null) return;
        var own = cloud.Routers.Where(r => IsOwn(r.ProjectId)).ToList();
        if (told.Routers.TryGetValue(wanted.Name, out var name))
        {
            if (own.FirstOrDefault(r => r.Id == name || r.Name == name) is { } wished)
                Take(MappedKind.Router, wanted.Name, MappedBecause.Told, wished.Id, wished.Name);
            else _gaps.Add(NotThere("router", "routers", wanted.Name, name, own.Select(r => r.Name)));
            return;
        }
        var same = own.Where(r => r.Name == wanted.Name).ToList();
        if (same.FirstOrDefault(r => Made.IsOurs(r.Description)) is { } ours)
        {
            Take(MappedKind.Router, wanted.Name, MappedBecause.SameName, ours.Id, ours.Name);
            return;
        }
        if (same.Count > 0)
        {
            _gaps.Add($"router '{wanted.Name}' is here and somebody else's, so it is not put on networks that are made: "
                + $"say that it may (options.map.routers: \"{wanted.Name}\": \"{wanted.Name}\"), or make the networks");
            return;
        }
        var pool = wanted.External is { } external ? Pool(external) : null;
        Take(MappedKind.Router, wanted.Name, MappedBecause.ToBeMade, null, wanted.Name,
            wanted.External is null ? null : $"to '{Find(MappedKind.FloatingPool, wanted.External)?.To}'");
        if (wanted is { External: not null, Snat: false })
            _notes.Add($"router '{wanted.Name}' has no SNAT there; as a rule only an administrator may switch it off, "
                + "and where this login may not it is on here");
        if (!needs.MadeFirst($"router {wanted.Name}")) return;
        needs.Network("router", 1);
        if (pool is not null) needs.Gateway(pool);
    }

    private static bool IsIn(string address, string cidr) => IPAddress.TryParse(address, out var ip)
        && IPNetwork.TryParse(cidr, out var subnet) && subnet.Contains(ip);
}
