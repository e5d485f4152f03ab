// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Sites.OpenStack.BlockStorage;
using Lifeboat.Sites.OpenStack.Compute;
using Lifeboat.Sites.OpenStack.Http;
using Lifeboat.Sites.OpenStack.Images;
using Lifeboat.Sites.OpenStack.Mapping;
using Lifeboat.Sites.OpenStack.Networking;
using Lifeboat.Sites.OpenStack.Placement;

namespace Lifeboat.Sites.OpenStack.Describing;

/// <summary>What a project has and may use at one moment: servers are described with it, and mapped to it.</summary>
internal sealed record CloudInventory
{
    public required string ProjectId { get; init; }
    public IReadOnlyList<NovaFlavor> Flavors { get; init; } = [];
    public IReadOnlyList<NovaKeypair> Keypairs { get; init; } = [];
    public IReadOnlyList<NovaServerGroup> ServerGroups { get; init; } = [];
    public IReadOnlyList<NovaZone> Zones { get; init; } = [];
    /// <summary>Null: no limits are known.</summary>
    public NovaLimits? Limits { get; init; }
    public IReadOnlyList<CinderVolumeType> VolumeTypes { get; init; } = [];
    public CinderVolumeType? DefaultType { get; init; }
    public IReadOnlyDictionary<string, CloudQuota> VolumeQuotas { get; init; } = new Dictionary<string, CloudQuota>();
    public IReadOnlyList<NeutronNetwork> Networks { get; init; } = [];
    public IReadOnlyList<NeutronSubnet> Subnets { get; init; } = [];
    public IReadOnlyList<NeutronRouter> Routers { get; init; } = [];
    public IReadOnlyList<NeutronPort> RouterPorts { get; init; } = [];
    public IReadOnlyList<NeutronPort> DhcpPorts { get; init; } = [];
    public IReadOnlyList<NeutronSecurityGroup> SecurityGroups { get; init; } = [];
    public IReadOnlyList<NeutronFloatingIp> FloatingIps { get; init; } = [];
    /// <summary>Null: the cloud does not tell this user.</summary>
    public IReadOnlyDictionary<string, CloudQuota>? NetworkQuotas { get; init; }
    /// <summary>By external network: free addresses. A network that is not in it: not told to this user.</summary>
    public IReadOnlyDictionary<string, long> FreeAddresses { get; init; } = new Dictionary<string, long>();
    public IReadOnlyList<GlanceImage> Images { get; init; } = [];
    /// <summary>What is here already of instances that are to be built, by instance.</summary>
    public IReadOnlyDictionary<string, HeldThings> Held { get; init; } = new Dictionary<string, HeldThings>();

    /// <summary>Null: none has to be made.</summary>
    public ApplianceNeed? Appliance { get; init; }

    public IEnumerable<NeutronSubnet> SubnetsOf(string network) => Subnets.Where(s => s.NetworkId == network);
}

/// <summary>The services of one cloud.</summary>
internal sealed class CloudClients(CloudSession session)
{
    public NovaClient Nova { get; } = new(session);
    public CinderClient Cinder { get; } = new(session);
    public NeutronClient Neutron { get; } = new(session);
    public GlanceClient Glance { get; } = new(session);
    public PlacementClient Placement { get; } = new(session);

    /// <summary>The project that requests are about.</summary>
    public async Task<string> ProjectAsync(CancellationToken ct) => (await session.TokenAsync(ct)).ProjectId;

    /// <summary>Asks all services for all that a description or a mapping needs.</summary>
    public async Task<CloudInventory> InventoryAsync(CancellationToken ct)
    {
        var token = await session.TokenAsync(ct);
        var flavors = Nova.FlavorsAsync(ct);
        var keypairs = Nova.KeypairsAsync(ct);
        var groups = Nova.ServerGroupsAsync(ct);
        var zones = Nova.ZonesAsync(ct);
        var limits = Nova.LimitsAsync(ct);
        var types = Cinder.VolumeTypesAsync(ct);
        var defaultType = Cinder.FindDefaultTypeAsync(ct);
        var volumeQuotas = Cinder.QuotasAsync(ct);
        var networks = Neutron.NetworksAsync(ct);
        var subnets = Neutron.SubnetsAsync(ct);
        var routers = Neutron.RoutersAsync(ct);
        var services = Neutron.ServicePortsAsync(ct);
        var security = Neutron.SecurityGroupsAsync(ct);
        var floating = Neutron.FloatingIpsAsync(ct);
        var networkQuotas = NetworkQuotasAsync();
        var images = Glance.ImagesAsync(ct);
        await Task.WhenAll(flavors, keypairs, groups, zones, limits, types, defaultType, volumeQuotas, networks,
            subnets, routers, services, security, floating, networkQuotas, images);
        return new CloudInventory
        {
            ProjectId = token.ProjectId,
            Flavors = await flavors,
            Keypairs = await keypairs,
            ServerGroups = await groups,
            Zones = await zones,
            Limits = await limits,
            VolumeTypes = await types,
            DefaultType = await defaultType,
            VolumeQuotas = await volumeQuotas,
            Networks = await networks,
            Subnets = await subnets,
            Routers = await routers,
            RouterPorts = [.. (await services).Where(p => p.IsRouter())],
            DhcpPorts = [.. (await services).Where(p => p.IsDhcp())],
            SecurityGroups = await security,
            FloatingIps = await floating,
            NetworkQuotas = await networkQuotas,
            FreeAddresses = await FreeAddressesAsync(await networks, ct),
            Images = await images,
        };

        // A project's group `default` is made when its groups are listed for the first time, and counts.
        async Task<IReadOnlyDictionary<string, CloudQuota>?> NetworkQuotasAsync()
        {
            await security;
            return await Neutron.QuotasAsync(ct);
        }
    }

    /// <summary>Of pools, as far as this user is told.</summary>
    public async Task<Dictionary<string, long>> FreeAddressesAsync(IEnumerable<NeutronNetwork> networks,
        CancellationToken ct)
    {
        var free = new Dictionary<string, long>(StringComparer.Ordinal);
        foreach (var network in networks.Where(n => n.External))
            if (await Neutron.AvailabilityAsync(network.Id, ct) is { } told)
                free[network.Id] = (long)Math.Min(long.MaxValue, Math.Max(0, told.TotalIps - told.UsedIps));
        return free;
    }
}
