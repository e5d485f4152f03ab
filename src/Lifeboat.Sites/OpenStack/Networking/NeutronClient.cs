// SPDX-License-Identifier: Apache-2.0
using System.Text.Json;
using Lifeboat.Sites.OpenStack.Http;

namespace Lifeboat.Sites.OpenStack.Networking;

/// <summary>The Networking API, as far as a server's surroundings are described and made.</summary>
internal sealed partial class NeutronClient(CloudSession session)
{
    private const int PageSize = 500;
    private static readonly CloudApi Neutron = CloudApi.Network;

    /// <summary>Names of what this Neutron can do besides the core API.</summary>
    public async Task<IReadOnlySet<string>> ExtensionsAsync(CancellationToken ct) =>
        (await session.GetAsync(Neutron, "extensions", NeutronJson.Default.ExtensionAnswer, ct)).Extensions
            .Select(e => e.Alias).ToHashSet(StringComparer.Ordinal);

    /// <summary>All that the project may see: its own, shared ones, external ones.</summary>
    public Task<IReadOnlyList<NeutronNetwork>> NetworksAsync(CancellationToken ct) =>
        session.ListAsync<NetworkPage, NeutronNetwork>(Neutron, Page("networks"), NeutronJson.Default.NetworkPage, ct);

    public Task<IReadOnlyList<NeutronSubnet>> SubnetsAsync(CancellationToken ct) =>
        session.ListAsync<SubnetPage, NeutronSubnet>(Neutron, Page("subnets"), NeutronJson.Default.SubnetPage, ct);

    public Task<IReadOnlyList<NeutronPort>> PortsAsync(string server, CancellationToken ct) =>
        session.ListAsync<PortPage, NeutronPort>(Neutron, Page("ports", ("device_id", server)),
            NeutronJson.Default.PortPage, ct);

    /// <summary>Names are not unique.</summary>
    public Task<IReadOnlyList<NeutronPort>> PortsNamedAsync(string name, CancellationToken ct) =>
        session.ListAsync<PortPage, NeutronPort>(Neutron, Page("ports", ("name", name)),
            NeutronJson.Default.PortPage, ct);

    public async Task<IReadOnlyList<NeutronPort>> PortsOfProjectAsync(CancellationToken ct)
    {
        var project = (await session.TokenAsync(ct)).ProjectId;
        return await session.ListAsync<PortPage, NeutronPort>(Neutron, Page("ports", ("project_id", project)),
            NeutronJson.Default.PortPage, ct);
    }

    /// <summary>Where routers and DHCP servers are on networks: <see cref="PortOwners"/> tells them apart.</summary>
    public Task<IReadOnlyList<NeutronPort>> ServicePortsAsync(CancellationToken ct) =>
        session.ListAsync<PortPage, NeutronPort>(Neutron, Page("ports",
            [.. PortOwners.Routers.Concat(PortOwners.Dhcp).Select(o => ("device_owner", o))]),
            NeutronJson.Default.PortPage, ct);

    public Task<IReadOnlyList<NeutronPort>> PortsOnAsync(string network, CancellationToken ct) =>
        session.ListAsync<PortPage, NeutronPort>(Neutron, Page("ports", ("network_id", network)),
            NeutronJson.Default.PortPage, ct);

    public async Task<IReadOnlyList<NeutronSecurityGroup>> SecurityGroupsAsync(CancellationToken ct)
    {
        // Administrators see those of all projects.
        var project = (await session.TokenAsync(ct)).ProjectId;
        return await session.ListAsync<SecurityGroupPage, NeutronSecurityGroup>(Neutron,
            Page("security-groups", ("project_id", project)), NeutronJson.Default.SecurityGroupPage, ct);
    }

    public async Task<IReadOnlyList<NeutronFloatingIp>> FloatingIpsAsync(CancellationToken ct)
    {
        var project = (await session.TokenAsync(ct)).ProjectId;
        return await session.ListAsync<FloatingIpPage, NeutronFloatingIp>(Neutron,
            Page("floatingips", ("project_id", project)), NeutronJson.Default.FloatingIpPage, ct);
    }

    public Task<IReadOnlyList<NeutronRouter>> RoutersAsync(CancellationToken ct) =>
        session.ListAsync<RouterPage, NeutronRouter>(Neutron, Page("routers"), NeutronJson.Default.RouterPage, ct);

    /// <summary>Null: the cloud tells it to administrators only, or not at all.</summary>
    public Task<IReadOnlyDictionary<string, CloudQuota>?> QuotasAsync(CancellationToken ct) =>
        UnlessForbiddenAsync<IReadOnlyDictionary<string, CloudQuota>>(async () =>
        {
            var project = (await session.TokenAsync(ct)).ProjectId;
            var all = (await session.GetAsync(Neutron, $"quotas/{Uri.EscapeDataString(project)}/details",
                NeutronJson.Default.NeutronQuotaAnswer, ct)).Quota;
            return all.Where(q => q.Value.ValueKind is JsonValueKind.Object)
                .ToDictionary(q => q.Key, q => CloudQuota.Read(q.Value, used: "used"), StringComparer.Ordinal);
        });

    /// <summary>Null: the cloud tells it to administrators only, or not at all.</summary>
    public Task<NeutronAvailability?> AvailabilityAsync(string network, CancellationToken ct) =>
        UnlessForbiddenAsync(async () => (await session.GetAsync(Neutron,
            $"network-ip-availabilities/{Uri.EscapeDataString(network)}", NeutronJson.Default.AvailabilityAnswer, ct))
            .NetworkIpAvailability);

    /// <summary>One attempt to make a port; whoever calls looks for it before (<see cref="MakeOnce"/>).</summary>
    public async Task<NeutronPort> CreatePortAsync(NewPort port, CancellationToken ct) =>
        (await session.PostAsync(Neutron, "ports", new NewPortRequest(port), NeutronJson.Default.NewPortRequest,
            NeutronJson.Default.PortAnswer, ct)).Port;

    /// <summary>Lets through what these groups let, and nothing else.</summary>
    public Task HoldPortAsync(string id, IReadOnlyList<string> groups, CancellationToken ct) =>
        session.ChangeAsync(Neutron, HttpMethod.Put, $"ports/{Uri.EscapeDataString(id)}",
            new PortHoldRequest(new PortHold(true, groups)), NeutronJson.Default.PortHoldRequest, ct);

    public Task DeletePortAsync(string id, CancellationToken ct) =>
        session.DeleteAsync(Neutron, $"ports/{Uri.EscapeDataString(id)}", ct);

    /// <summary>One attempt to take a floating IP; whoever calls looks for it before.</summary>
    public async Task<NeutronFloatingIp> CreateFloatingIpAsync(NewFloatingIp address, CancellationToken ct) =>
        (await session.PostAsync(Neutron, "floatingips", new NewFloatingIpRequest(address),
            NeutronJson.Default.NewFloatingIpRequest, NeutronJson.Default.FloatingIpAnswer, ct)).FloatingIp;

    public Task DeleteFloatingIpAsync(string id, CancellationToken ct) =>
        session.DeleteAsync(Neutron, $"floatingips/{Uri.EscapeDataString(id)}", ct);

    /// <summary>
    /// Whether a pool has a free address, for users who are not told how many. Neutron is asked for one that leads to a
    /// port that there is not: it looks for a free address first, and then refuses without having taken any.
    /// </summary>
    /// <returns>Null: it cannot be told so.</returns>
    public async Task<bool?> HasFreeAddressAsync(string pool, CancellationToken ct)
    {
        try
        {
            var taken = await CreateFloatingIpAsync(new NewFloatingIp(pool, Guid.NewGuid().ToString()), ct);
            await DeleteFloatingIpAsync(taken.Id, ct);
            return true;
        }
        catch (CloudException e) when (e.Fault is CloudFault.NotFound or CloudFault.AddressesUsedUp)
        {
            return e.Fault is CloudFault.NotFound;
        }
        catch (CloudException e) when (e.Fault is CloudFault.QuotaExceeded or CloudFault.Forbidden
            or CloudFault.Refused or CloudFault.Conflict)
        {
            return null;
        }
    }

    public async Task<NeutronSecurityGroup> CreateSecurityGroupAsync(NewSecurityGroup group, CancellationToken ct) =>
        (await session.PostAsync(Neutron, "security-groups", new NewSecurityGroupRequest(group),
            NeutronJson.Default.NewSecurityGroupRequest, NeutronJson.Default.SecurityGroupAnswer, ct)).SecurityGroup;

    public async Task<NeutronSecurityRule> CreateSecurityRuleAsync(NeutronSecurityRule rule, CancellationToken ct) =>
        (await session.PostAsync(Neutron, "security-group-rules", new SecurityRuleAnswer(rule),
            NeutronJson.Default.SecurityRuleAnswer, NeutronJson.Default.SecurityRuleAnswer, ct)).SecurityGroupRule;

    public Task DeleteSecurityRuleAsync(string id, CancellationToken ct) =>
        session.DeleteAsync(Neutron, $"security-group-rules/{Uri.EscapeDataString(id)}", ct);

    public Task DeleteSecurityGroupAsync(string id, CancellationToken ct) =>
        session.DeleteAsync(Neutron, $"security-groups/{Uri.EscapeDataString(id)}", ct);

    public Task ChangeSecurityGroupAsync(string id, NewSecurityGroup changes, CancellationToken ct) =>
        session.ChangeAsync(Neutron, HttpMethod.Put, $"security-groups/{Uri.EscapeDataString(id)}",
            new NewSecurityGroupRequest(changes), NeutronJson.Default.NewSecurityGroupRequest, ct);

    // Neutron pages only when it is asked to; a cloud's own limit would cut a list off without a link.
    private static string Page(string list, params ReadOnlySpan<(string Name, string Value)> filters)
    {
        var query = $"{list}?limit={PageSize}";
        foreach (var (name, value) in filters) query += $"&{name}={Uri.EscapeDataString(value)}";
        return query;
    }

    private static async Task<T?> UnlessForbiddenAsync<T>(Func<Task<T>> ask) where T : class
    {
        try
        {
            return await ask();
        }
        catch (CloudException e) when (e.Fault is CloudFault.Forbidden or CloudFault.NotFound)
        {
            return null;
        }
    }
}
