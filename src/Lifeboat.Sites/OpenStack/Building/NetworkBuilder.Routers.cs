// SPDX-License-Identifier: Apache-2.0
using System.Net;
using Lifeboat.Protection.Instances;
using Lifeboat.Sites.OpenStack.Http;
using Lifeboat.Sites.OpenStack.Mapping;
using Lifeboat.Sites.OpenStack.Networking;

namespace Lifeboat.Sites.OpenStack.Building;

internal sealed partial class NetworkBuilder
{
    private const int AttemptsMax = 4;
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    private async Task ConnectAsync(CloudRouter wanted, CloudNetwork network, string id,
        IReadOnlyList<NeutronSubnet> subnets, ServerMapping mapping, CancellationToken ct)
    {
        var mapped = mapping.Find(MappedKind.Router, wanted.Name)!;
        var router = mapped.Id ?? await RouterAsync(wanted, mapping, ct);
        foreach (var address in wanted.AddressesOn(network))
            if (subnets.FirstOrDefault(s => Holds(s.Cidr, address.Address)) is { } subnet)
                await PlaceAsync(router, id, subnet, address.Address, ct);
        // The operator allowed an interface on a router of theirs, no more.
        if (mapped.Because is not MappedBecause.Told && wanted.Routes.Count > 0) await RoutesAsync(wanted, router, ct);
    }

    private async Task<string> RouterAsync(CloudRouter wanted, ServerMapping mapping, CancellationToken ct)
    {
        var pool = wanted.External is { } external ? mapping.Find(MappedKind.FloatingPool, external)?.Id : null;
        return (await MakeOnce.SharedAsync(c => OurRoutersAsync(wanted.Name, c), MakeAsync,
            (r, c) => cloud.Neutron.DeleteRouterAsync(r.Id, c), r => (r.Id, r.CreatedAt), time, ct)).Id;

        async Task<NeutronRouter> MakeAsync(CancellationToken c)
        {
            if (pool is not null && !wanted.Snat)
                try
                {
                    return await cloud.Neutron.CreateRouterAsync(
                        new NewRouter(wanted.Name, Made.Finish(null), new NeutronGateway(pool, false)), c);
                }
                catch (CloudException e) when (e.Fault is CloudFault.Forbidden)
                {
                    LogSnatOn(wanted.Name);
                }
            return await cloud.Neutron.CreateRouterAsync(new NewRouter(wanted.Name, Made.Finish(null),
                pool is null ? null : new NeutronGateway(pool)), c);
        }
    }

    // Others may do the same at this moment, and an attempt whose answer was lost may have done it.
    private async Task PlaceAsync(string router, string network, NeutronSubnet subnet, string address,
        CancellationToken ct)
    {
        for (var attempt = 1; ; attempt++)
        {
            if ((await cloud.Neutron.PortsOnAsync(network, ct)).Any(p => p.IsRouter() && p.DeviceId == router
                && (p.FixedIps ?? []).Any(f => f.IpAddress == address))) return;
            try
            {
                await cloud.Neutron.AddInterfaceAsync(router, await InterfaceAsync(network, subnet, address, ct), ct);
                return;
            }
            catch (CloudException e) when (attempt < AttemptsMax && e.Fault is (CloudFault.Conflict
                or CloudFault.Refused or CloudFault.AddressTaken))
            {
                await Task.Delay(Pause * attempt, time, ct);
            }
        }
    }

    // By the subnet where the router is its gateway, else by a port with the address that it had.
    private async Task<RouterInterface> InterfaceAsync(string network, NeutronSubnet subnet, string address,
        CancellationToken ct)
    {
        if (address == subnet.GatewayIp || subnet.IpVersion == 6) return new RouterInterface(subnet.Id);
        return new RouterInterface(PortId: (await FindAsync() ?? await MakeAsync()).Id);

        async Task<NeutronPort?> FindAsync() => (await cloud.Neutron.PortsOnAsync(network, ct)).FirstOrDefault(p =>
            p.DeviceId is null or "" && (p.FixedIps ?? []).Any(f => f.IpAddress == address));

        async Task<NeutronPort> MakeAsync()
        {
            // As a router's own from the start: others get an IPv6 address besides, if the network has them.
            var wanted = new NewPort("", network)
            {
                FixedIps = [new NeutronFixedIp(subnet.Id, address)],
                DeviceOwner = PortOwners.Routers[0],
            };
            try
            {
                return await cloud.Neutron.CreatePortAsync(wanted, ct);
            }
            catch (CloudException e) when (e.Fault is CloudFault.AddressTaken)
            {
                if (!await MakeWayAsync(network, [address], ct)) throw;
                return await cloud.Neutron.CreatePortAsync(wanted, ct);
            }
        }
    }

    // A route needs the network that its next hop is on; what comes later brings its routes along.
    private async Task RoutesAsync(CloudRouter wanted, string router, CancellationToken ct)
    {
        var on = (await cloud.Neutron.ServicePortsAsync(ct)).Where(p => p.IsRouter() && p.DeviceId == router)
            .SelectMany(p => p.FixedIps ?? []).Select(f => f.SubnetId).ToHashSet();
        var ranges = (await cloud.Neutron.SubnetsAsync(ct)).Where(s => on.Contains(s.Id)).Select(s => s.Cidr).ToList();
        var now = wanted.Routes.ToLookup(r => ranges.Any(c => Holds(c, r.NextHop)));
        foreach (var left in now[false]) LogRouteLeft(wanted.Name, left.Destination, left.NextHop);
        if (now[true].Any())
            await cloud.Neutron.AddRoutesAsync(router,
                [.. now[true].Select(r => new NeutronRoute(r.Destination, r.NextHop))], ct);
    }

    private async Task<IReadOnlyList<NeutronRouter>> OurRoutersAsync(string? name, CancellationToken ct)
    {
        var project = await cloud.ProjectAsync(ct);
        return [.. (await cloud.Neutron.RoutersAsync(ct)).Where(r => (name is null || r.Name == name)
            && r.ProjectId == project && Made.IsOurs(r.Description)).OrderBy(r => r.CreatedAt)];
    }

    private static bool Holds(string cidr, string address) => IPNetwork.TryParse(cidr, out var range)
        && IPAddress.TryParse(address, out var ip) && range.Contains(ip);
}
