// SPDX-License-Identifier: Apache-2.0
using System.Text.Json.Nodes;
using Lifeboat.Protection.Instances;
using Lifeboat.Sites.OpenStack.Compute;
using Lifeboat.Sites.OpenStack.Describing;
using Lifeboat.Sites.OpenStack.Http;
using Lifeboat.Sites.OpenStack.Mapping;
using Lifeboat.Sites.OpenStack.Networking;
using Microsoft.Extensions.Logging;

namespace Lifeboat.Sites.OpenStack.Building;

/// <summary>
/// Builds a described server from volumes that are there. Everything it makes has the instance's name in its own, and
/// is looked for before it is made, so a build that was cut short anywhere goes on where it was (I8, I9).
/// </summary>
// networks, groups, key, server group -> ports -> boot volume is made bootable -> server -> ACTIVE -> floating
// addresses
internal sealed partial class ServerBuilder(CloudClients cloud, NetworkBuilder networks, BuildLimits limits,
    TimeProvider time, ILogger<ServerBuilder> logger)
{
    private readonly Surroundings _surroundings = new(cloud, networks, time);
    private readonly ServerWait _wait = new(cloud.Nova, time);

    /// <summary>
    /// Makes what is around the server and asks for it. Servers share what is around them: for one after the other,
    /// since two at once would not see what the other one makes.
    /// </summary>
    /// <exception cref="CloudException">QuotaExceeded, AddressTaken…</exception>
    public async Task<PlacedServer> PlaceAsync(BuildOrder order, CancellationToken ct)
    {
        var built = await networks.MakeAsync(order, ct);
        var groups = await _surroundings.SecurityGroupsAsync(order, ct);
        var key = await _surroundings.KeypairAsync(order, ct);
        var together = await _surroundings.ServerGroupAsync(order, ct);
        var ports = await _surroundings.PortsAsync(order, groups, built, ct);
        await PrepareBootVolumeAsync(order, ct);
        var made = await MakeOnce.RunAsync(c => FindAsync(order.Instance, c),
            async c =>
            {
                await order.BeforeServer(c);
                return await AskAsync(Request(order, key, together, [.. ports.Select(p => p.Id)]), c);
            },
            (s, c) => cloud.Nova.DeleteServerAsync(s.Id, c), time, ct);
        return new PlacedServer(made.Id, ports);
    }

    /// <summary>Waits until it is ACTIVE and gives it its floating addresses.</summary>
    /// <exception cref="CloudException">BuildFailed, NoValidHost, TooSlow…</exception>
    public async Task FinishAsync(BuildOrder order, PlacedServer placed, CancellationToken ct)
    {
        var server = await _wait.UntilAsync(placed.Id, "ACTIVE", limits.Build, ct);
        await _surroundings.FloatingAddressesAsync(order, placed.Ports, ct);
        LogBuilt(order.Instance, server.Id);
    }

    /// <summary>Removes the server, its ports and floating addresses; volumes stay. Removing what is gone
    /// succeeds.</summary>
    public async Task RemoveAsync(string instance, CancellationToken ct)
    {
        foreach (var server in await FindAsync(instance, ct))
        {
            await cloud.Nova.DeleteServerAsync(server.Id, ct);
            await _wait.UntilGoneAsync(server.Id, limits.Stop, ct);
        }
        await _surroundings.RemoveAsync(instance, ct);
    }

    /// <summary>Those that we built for an instance, the oldest first; more than one only after a lost
    /// answer.</summary>
    public async Task<IReadOnlyList<NovaServer>> FindAsync(string instance, CancellationToken ct) =>
        [.. (await cloud.Nova.ServersAsync([ServerNames.Tag(instance)], ct)).OrderBy(s => s.Created)];

    private async Task<NovaServer> AskAsync(NewServerRequest request, CancellationToken ct)
    {
        var id = await cloud.Nova.CreateServerAsync(request, ct);
        return await cloud.Nova.FindServerAsync(id, ct)
            ?? throw new CloudException(CloudFault.NotFound, $"server {id}, just made, is gone");
    }

    // A replicated volume knows nothing of the image it began with: what the guest needs of its hardware is put back.
    private async Task PrepareBootVolumeAsync(BuildOrder order, CancellationToken ct)
    {
        var server = CloudMapper.AsServer(order.Description);
        var boot = order.Volumes[server.Disks[0].Disk];
        var volume = await cloud.Cinder.FindVolumeAsync(boot, ct)
            ?? throw new CloudException(CloudFault.NotFound, $"{order.Instance}: there is no volume {boot}");
        if (volume.Bootable != "true") await cloud.Cinder.SetBootableAsync(boot, ct);
        var has = volume.VolumeImageMetadata ?? new Dictionary<string, string>();
        var missing = server.HardwareProperties.Where(p => has.GetValueOrDefault(p.Key) != p.Value)
            .ToDictionary(StringComparer.Ordinal);
        if (missing.Count > 0) await cloud.Cinder.SetImageMetadataAsync(boot, missing, ct);
    }

    private static NewServerRequest Request(BuildOrder order, string? key, string? together,
        IReadOnlyList<string> ports)
    {
        var server = CloudMapper.AsServer(order.Description);
        var flavor = order.Mapping.Find(MappedKind.Flavor, server.Flavor.Name)!.Id!;
        JsonNode networks = ports.Count == 0 ? JsonValue.Create("none")
            : new JsonArray([.. ports.Select(p => new JsonObject { ["port"] = p })]);
        return new NewServerRequest(new NewServer(order.ServerName, flavor, networks,
            [.. server.Disks.Select((d, i) => new NewBlockDevice(i == 0 ? 0 : -1, order.Volumes[d.Disk], "volume",
                "volume", DeleteOnTermination: false, Tag: d.Tag))])
        {
            Tags = [ServerNames.Tag(order.Instance), .. server.Tags],
            Metadata = Marked(server.Metadata, order),
            KeyName = key,
            UserData = server.UserData,
            ConfigDrive = server.ConfigDrive ? true : null,
            AvailabilityZone = server.AvailabilityZone is { } zone
                ? order.Mapping.Find(MappedKind.AvailabilityZone, zone)?.Id : null,
            Hostname = server.Hostname,
            Description = server.Note,
        })
        {
            Hints = together is null ? null : new SchedulerHints(together),
        };
    }

    private static Dictionary<string, string> Marked(IReadOnlyDictionary<string, string> had, BuildOrder order)
    {
        var marked = new Dictionary<string, string>(had, StringComparer.Ordinal)
        {
            [BuildOrder.DigestKey] = order.Digest,
        };
        marked.Remove(BuildOrder.BubbleKey);
        if (order.Bubble is { } bubble) marked[BuildOrder.BubbleKey] = bubble.Name;
        return marked;
    }

    [LoggerMessage(EventIds.ServerBuilt, LogLevel.Information, "Built {Instance} as server {ServerId}")]
    private partial void LogBuilt(string instance, string serverId);
}

/// <summary>A server that was asked for.</summary>
internal sealed record PlacedServer(string Id, IReadOnlyList<NeutronPort> Ports);

/// <param name="Build">From asking to ACTIVE.</param>
/// <param name="Stop">Until a server is stopped or gone.</param>
/// <param name="Volume">From asking for a volume until it is available.</param>
internal sealed record BuildLimits(TimeSpan Build, TimeSpan Stop, TimeSpan Volume);

/// <summary>Isolated networks of a drill: the id here, by the name in the description.</summary>
internal sealed record BubbleNetworks(string Name, IReadOnlyDictionary<string, string> Networks);

/// <summary>What is to be built.</summary>
/// <param name="ServerName">What people see in the cloud.</param>
/// <param name="Volumes">By disk of the description: the volume's id here.</param>
/// <param name="AddressesAnew">Networks of the description where ports get other addresses than they had.</param>
/// <param name="Digest">Of the request: another one is another server.</param>
internal sealed record BuildOrder(string Instance, string ServerName, InstanceDescription Description,
    ServerMapping Mapping, IReadOnlyDictionary<string, string> Volumes, IReadOnlySet<string> AddressesAnew,
    string Digest)
{
    public const string DigestKey = "lifeboat-request";
    public const string BubbleKey = "lifeboat-bubble";

    /// <summary>Null: the production networks.</summary>
    public BubbleNetworks? Bubble { get; init; }
    /// <summary>Done before a server is asked for: from then on a guest may write to the volumes.</summary>
    public Func<CancellationToken, Task> BeforeServer { get; init; } = _ => Task.CompletedTask;
}
