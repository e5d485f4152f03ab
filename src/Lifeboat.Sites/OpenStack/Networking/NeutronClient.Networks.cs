// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Sites.OpenStack.Networking;

internal sealed partial class NeutronClient
{
    /// <summary>One attempt to make a network; whoever calls looks for it before.</summary>
    public async Task<NeutronNetwork> CreateNetworkAsync(NewNetwork network, CancellationToken ct) =>
        (await session.PostAsync(Neutron, "networks", new NewNetworkRequest(network),
            NeutronJson.Default.NewNetworkRequest, NeutronJson.Default.NetworkAnswer, ct)).Network;

    public Task ChangeNetworkAsync(string id, NewNetwork changes, CancellationToken ct) =>
        session.ChangeAsync(Neutron, HttpMethod.Put, $"networks/{Uri.EscapeDataString(id)}",
            new NewNetworkRequest(changes), NeutronJson.Default.NewNetworkRequest, ct);

    /// <summary>Its subnets and its DHCP servers' ports go with it.</summary>
    /// <exception cref="CloudException">Conflict: somebody's ports are on it.</exception>
    public Task DeleteNetworkAsync(string id, CancellationToken ct) =>
        session.DeleteAsync(Neutron, $"networks/{Uri.EscapeDataString(id)}", ct);

    /// <summary>One attempt to make a subnet; whoever calls looks for it before.</summary>
    public async Task<NeutronSubnet> CreateSubnetAsync(NewSubnet subnet, CancellationToken ct) =>
        (await session.PostAsync(Neutron, "subnets", new NewSubnetRequest(subnet),
            NeutronJson.Default.NewSubnetRequest, NeutronJson.Default.SubnetAnswer, ct)).Subnet;

    public Task EnableDhcpAsync(string subnet, CancellationToken ct) =>
        session.ChangeAsync(Neutron, HttpMethod.Put, $"subnets/{Uri.EscapeDataString(subnet)}",
            new SubnetDhcpRequest(new SubnetDhcp(true)), NeutronJson.Default.SubnetDhcpRequest, ct);

    /// <summary>Gives a port other addresses than it had.</summary>
    public Task MovePortAsync(string id, IReadOnlyList<NeutronFixedIp> addresses, CancellationToken ct) =>
        session.ChangeAsync(Neutron, HttpMethod.Put, $"ports/{Uri.EscapeDataString(id)}",
            new NewFixedIpsRequest(new NewFixedIps(addresses)), NeutronJson.Default.NewFixedIpsRequest, ct);

    /// <summary>One attempt to make a router; whoever calls looks for it before.</summary>
    public async Task<NeutronRouter> CreateRouterAsync(NewRouter router, CancellationToken ct) =>
        (await session.PostAsync(Neutron, "routers", new NewRouterRequest(router),
            NeutronJson.Default.NewRouterRequest, NeutronJson.Default.RouterAnswer, ct)).Router;

    /// <exception cref="CloudException">Conflict: it is on a network, or floating IPs lead through it.</exception>
    public Task DeleteRouterAsync(string id, CancellationToken ct) =>
        session.DeleteAsync(Neutron, $"routers/{Uri.EscapeDataString(id)}", ct);

    /// <exception cref="CloudException">Refused, Conflict: it is on that subnet already, or on one that
    /// overlaps.</exception>
    public Task AddInterfaceAsync(string router, RouterInterface at, CancellationToken ct) =>
        ChangeRouterAsync(router, "add_router_interface", at, ct);

    /// <exception cref="CloudException">Conflict: floating IPs or routes need it.</exception>
    public Task RemoveInterfaceAsync(string router, RouterInterface at, CancellationToken ct) =>
        ChangeRouterAsync(router, "remove_router_interface", at, ct);

    /// <summary>Those that it has already stay as they are.</summary>
    /// <exception cref="CloudException">Refused: the router is not on a next hop's subnet.</exception>
    public Task AddRoutesAsync(string router, IReadOnlyList<NeutronRoute> routes, CancellationToken ct) =>
        RoutesAsync(router, "add_extraroutes", routes, ct);

    public Task RemoveRoutesAsync(string router, IReadOnlyList<NeutronRoute> routes, CancellationToken ct) =>
        RoutesAsync(router, "remove_extraroutes", routes, ct);

    private Task ChangeRouterAsync(string router, string action, RouterInterface at, CancellationToken ct) =>
        session.ChangeAsync(Neutron, HttpMethod.Put, $"routers/{Uri.EscapeDataString(router)}/{action}", at,
            NeutronJson.Default.RouterInterface, ct);

    private Task RoutesAsync(string router, string action, IReadOnlyList<NeutronRoute> routes, CancellationToken ct) =>
        session.ChangeAsync(Neutron, HttpMethod.Put, $"routers/{Uri.EscapeDataString(router)}/{action}",
            new NewRoutesRequest(new NewRoutes(routes)), NeutronJson.Default.NewRoutesRequest, ct);
}
