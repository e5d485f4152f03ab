// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Sites.OpenStack.Http;
using Lifeboat.Sites.OpenStack.Networking;

namespace Lifeboat.Sites.OpenStack.Building;

internal sealed partial class NetworkBuilder
{
    /// <summary>
    /// Removes the networks that we made and that nothing is on any more, then our routers that are on none. A router
    /// holds an address of its pool, and all of it quota; made for an emergency, they end with it. Whatever somebody
    /// else has put on one keeps it.
    /// </summary>
    /// <param name="shared">Routers of somebody else that we were told to put on our networks, by name or id.</param>
    public async Task RemoveUnusedAsync(IReadOnlyCollection<string> shared, CancellationToken ct)
    {
        var project = await cloud.ProjectAsync(ct);
        var networks = (await cloud.Neutron.NetworksAsync(ct)).Where(n => n.ProjectId == project && !Bubbles.IsOne(n)
            && Made.IsOurs(n.Description) && !Made.IsBegun(n.Description)).ToList();
        var ours = await OurRoutersAsync(null, ct);
        if (networks.Count == 0 && ours.Count == 0) return;
        var lent = (await cloud.Neutron.RoutersAsync(ct)).Where(r => shared.Contains(r.Id) || shared.Contains(r.Name));
        var routers = ours.Concat(lent).DistinctBy(r => r.Id).ToDictionary(r => r.Id);
        foreach (var network in networks) await RemoveAsync(network, routers, ct);
        foreach (var router in ours)
            if (!(await cloud.Neutron.PortsAsync(router.Id, ct)).Any(p => p.IsRouter()))
                await TryAsync("router", router.Name, () => cloud.Neutron.DeleteRouterAsync(router.Id, ct));
    }

    private async Task RemoveAsync(NeutronNetwork network, Dictionary<string, NeutronRouter> routers,
        CancellationToken ct)
    {
        var ports = await cloud.Neutron.PortsOnAsync(network.Id, ct);
        if (ports.Any(p => !p.IsDhcp() && !(p.IsRouter() && routers.ContainsKey(p.DeviceId ?? "")))) return;
        var subnets = (await cloud.Neutron.SubnetsAsync(ct)).Where(s => s.NetworkId == network.Id).ToList();
        await TryAsync("network", network.Name, async () =>
        {
            foreach (var port in ports.Where(p => p.IsRouter()))
            {
                var router = routers[port.DeviceId!];
                // A route over the network would keep its router there.
                var over = (router.Routes ?? []).Where(r => subnets.Any(s => Holds(s.Cidr, r.Nexthop))).ToList();
                if (over.Count > 0) await cloud.Neutron.RemoveRoutesAsync(router.Id, over, ct);
                await cloud.Neutron.RemoveInterfaceAsync(router.Id, new RouterInterface(PortId: port.Id), ct);
            }
            await cloud.Neutron.DeleteNetworkAsync(network.Id, ct);
        });
    }

    private async Task TryAsync(string kind, string name, Func<Task> remove)
    {
        try
        {
            await remove();
            LogRemoved(kind, name);
        }
        catch (CloudException e) when (e.Fault is CloudFault.Conflict)
        {
            // Somebody came while we looked, or it is another project's port, which we do not see.
            LogStays(kind, name, e.Message);
        }
    }
}
