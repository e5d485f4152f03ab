// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection.Instances;
using Lifeboat.Sites.OpenStack.Compute;
using Lifeboat.Sites.OpenStack.Describing;
using Lifeboat.Sites.OpenStack.Http;
using Lifeboat.Sites.OpenStack.Mapping;
using Lifeboat.Sites.OpenStack.Networking;

namespace Lifeboat.Sites.OpenStack.Building;

/// <summary>
/// Isolated networks for drills: each with the subnets of the one that it stands for, so that copies keep their
/// addresses, and on no router but that of a way in (<see cref="BubbleWays"/>), so that nothing leads out. They have
/// the bubble's name in their own (I8).
/// </summary>
internal sealed class Bubbles(CloudClients cloud, NetworkBuilder networks, TimeProvider time)
{
    private const string Prefix = "lifeboat-bubble/";

    public async Task CreateAsync(string bubble, IReadOnlyList<InstanceDescription> members, CloudInventory project,
        RecoveryMap map, CancellationToken ct)
    {
        var mapped = CloudMapper.Map(members, project, map, isolated: true).Servers;
        foreach (var (member, mapping) in members.Zip(mapped))
            foreach (var network in CloudMapper.AsServer(member).Networks)
            {
                var stands = mapping.Find(MappedKind.Network, network.Name)?.Id;
                var name = Name(bubble, network.Name);
                var made = await MakeOnce.RunAsync(c => NamedAsync(name, c),
                    c => cloud.Neutron.CreateNetworkAsync(new NewNetwork(name,
                        Made.Finish($"Isolated, for the drill {bubble}")), c),
                    (n, c) => cloud.Neutron.DeleteNetworkAsync(n.Id, c), time, ct);
                var subnets = stands is null ? network.Subnets.Select(s => NewSubnets.Of(s, made.Id))
                    : project.SubnetsOf(stands).Select(s => NewSubnets.Of(s, made.Id));
                foreach (var subnet in subnets) await networks.SubnetAsync(subnet, ct);
            }
    }

    /// <exception cref="SiteException">NetworkUnknown: the bubble has no such network.</exception>
    public async Task<BubbleNetworks> FindAsync(string bubble, InstanceDescription member, CancellationToken ct)
    {
        var there = await OfAsync(bubble, ct);
        return new BubbleNetworks(bubble, CloudMapper.AsServer(member).Networks.ToDictionary(n => n.Name,
            n => there.FirstOrDefault(t => t.Name == Name(bubble, n.Name))?.Id ?? throw new SiteException(
                SiteFault.NetworkUnknown, $"bubble {bubble} has no network '{n.Name}'"), StringComparer.Ordinal));
    }

    /// <summary>Removes the networks; the copies on them are gone.</summary>
    public async Task DeleteAsync(string bubble, CancellationToken ct)
    {
        foreach (var network in await OfAsync(bubble, ct)) await cloud.Neutron.DeleteNetworkAsync(network.Id, ct);
    }

    public async Task<IReadOnlyList<string>> LeftAsync(string bubble, CancellationToken ct) =>
        [.. (await OfAsync(bubble, ct)).Select(n => $"network {n.Name} ({n.Id})")];

    public static bool IsIn(NovaServer server, string bubble) =>
        server.Metadata?.GetValueOrDefault(BuildOrder.BubbleKey) == bubble;

    private async Task<IReadOnlyList<NeutronNetwork>> NamedAsync(string name, CancellationToken ct) =>
        [.. (await cloud.Neutron.NetworksAsync(ct)).Where(n => n.Name == name)];

    public async Task<IReadOnlyList<NeutronNetwork>> OfAsync(string bubble, CancellationToken ct) =>
        [.. (await cloud.Neutron.NetworksAsync(ct)).Where(n => n.Name.StartsWith(Name(bubble, ""),
            StringComparison.Ordinal))];

    /// <summary>A drill's network, which nothing else is to be put on.</summary>
    public static bool IsOne(NeutronNetwork network) => network.Name.StartsWith(Prefix, StringComparison.Ordinal);

    /// <summary>Of whatever is made for a bubble.</summary>
    public static string Name(string bubble, string network) => $"{Prefix}{bubble}/{network}";
}
