// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Sites.OpenStack.Networking;

namespace Lifeboat.Sites.OpenStack;

internal sealed partial class OpenStackSite : ITellsAddresses
{
    public Task<IReadOnlyList<string>> AddressesOutsideAsync(string instance, string? mac, CancellationToken ct) =>
        AskAsync(async () =>
        {
            var server = await KnownAsync(instance, ct);
            var ports = OfMac(instance, await _cloud.Neutron.PortsAsync(server.Id, ct), mac);
            var floating = (await _cloud.Neutron.FloatingIpsAsync(ct)).Where(f => f.PortId is not null)
                .ToLookup(f => f.PortId);
            // A port with a floating address was made to be reached: it goes before the others.
            var best = ports.OrderByDescending(p => floating[p.Id].Any())
                .FirstOrDefault(p => floating[p.Id].Any() || Own(p).Any());
            if (best is null) return (IReadOnlyList<string>)[];
            var outside = floating[best.Id].Select(f => f.FloatingIpAddress).ToList();
            // A floating address stands for an IPv4 address only; IPv6 is routed as it is.
            return [.. (outside.Count == 0 ? Own(best) : outside.Concat(Own(best).Where(a => a.Contains(':'))))
                .Order(StringComparer.Ordinal)];
        });

    // In another cloud a port may have got another MAC, when the one described was taken there.
    private static IReadOnlyList<NeutronPort> OfMac(string instance, IReadOnlyList<NeutronPort> ports, string? mac)
    {
        if (mac is null || ports.Count == 1) return ports;
        var found = ports.Where(p => p.MacAddress.Equals(mac, StringComparison.OrdinalIgnoreCase)).ToList();
        return found.Count > 0 ? found : throw new SiteException(SiteFault.Refused,
            $"{instance} has {ports.Count} ports and none with the MAC {mac}; give the address at this site "
            + "(--dns-address)");
    }

    private static IEnumerable<string> Own(NeutronPort port) =>
        (port.FixedIps ?? []).Select(f => f.IpAddress).OfType<string>();
}
