// SPDX-License-Identifier: Apache-2.0
using System.Text.Json.Nodes;
using Lifeboat.Sites.OpenStack.BlockStorage;
using Lifeboat.Sites.OpenStack.Compute;
using Lifeboat.Sites.OpenStack.Describing;
using Lifeboat.Sites.OpenStack.Http;
using Lifeboat.Sites.OpenStack.Networking;

namespace Lifeboat.IntegrationTests.Sites.OpenStack;

/// <summary>A server of its own for one test, with volumes, ports and a floating IP; all of it goes with it.</summary>
internal sealed class TestServer(CloudClients cloud, string name) : IAsyncDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(8);
    private readonly List<string> _servers = [];

    public string Name => name;
    /// <summary>For whoever removes them later.</summary>
    public bool KeepsVolumes { get; init; }

    public async Task<CinderVolume> VolumeAsync(string part, int gib, string type, string? image, CancellationToken ct)
    {
        var wanted = $"{name}-{part}";
        var made = await MakeOnce.RunAsync(c => cloud.Cinder.VolumesAsync(wanted, c),
            c => cloud.Cinder.CreateVolumeAsync(new NewVolume(wanted, gib, type, ImageRef: image), c),
            (v, c) => cloud.Cinder.DeleteVolumeAsync(v.Id, c), TimeProvider.System, ct);
        for (var i = 0; ; i++)
        {
            var now = await cloud.Cinder.FindVolumeAsync(made.Id, ct);
            if (now?.Status == "available") return now;
            Assert.True(now?.Status is "creating" or "downloading" && i < Limit.TotalSeconds, $"volume: {now?.Status}");
            await Task.Delay(TimeSpan.FromSeconds(1), ct);
        }
    }

    public Task<NeutronPort> PortAsync(NewPort port, CancellationToken ct) =>
        MakeOnce.RunAsync(c => cloud.Neutron.PortsNamedAsync(port.Name, c), c => cloud.Neutron.CreatePortAsync(port, c),
            (p, c) => cloud.Neutron.DeletePortAsync(p.Id, c), TimeProvider.System, ct);

    public Task<NeutronFloatingIp> FloatingIpAsync(string pool, NeutronPort port, CancellationToken ct) =>
        cloud.Neutron.CreateFloatingIpAsync(new NewFloatingIp(pool, port.Id, Description: name), ct);

    public async Task<NovaServer> BuildAsync(string part, string flavor, IReadOnlyList<CinderVolume> volumes,
        NeutronPort? port, string? group, CancellationToken ct, string? image = null, bool tagged = true)
    {
        var server = new NewServer($"{name}-{part}", flavor,
            port is null ? JsonValue.Create("none") : new JsonArray(new JsonObject { ["port"] = port.Id }),
            [
                .. image is null ? [] : new[] { new NewBlockDevice(0, image, "image", "local", true) },
                .. volumes.Select((v, i) => new NewBlockDevice(i == 0 && image is null ? 0 : -1, v.Id, "volume",
                    "volume", false)),
            ])
        {
            ImageRef = image,
            Tags = tagged ? [ServerNames.Tag($"{name}-{part}")] : null,
            Metadata = new Dictionary<string, string> { ["role"] = "test" },
            Hostname = "db-1",
        };
        var request = new NewServerRequest(server) { Hints = group is null ? null : new SchedulerHints(group) };
        var id = await cloud.Nova.CreateServerAsync(request, ct);
        _servers.Add(id);
        return await new ServerWait(cloud.Nova, TimeProvider.System).UntilAsync(id, "ACTIVE", Limit, ct);
    }

    public async ValueTask DisposeAsync()
    {
        // Also after a test that was cut short.
        var ct = CancellationToken.None;
        foreach (var server in _servers) await cloud.Nova.DeleteServerAsync(server, ct);
        foreach (var server in _servers)
            await new ServerWait(cloud.Nova, TimeProvider.System).UntilGoneAsync(server, Limit, ct);
        foreach (var group in (await cloud.Nova.ServerGroupsAsync(ct)).Where(g => g.Name == name))
            await cloud.Nova.DeleteServerGroupAsync(group.Id, ct);
        foreach (var address in (await cloud.Neutron.FloatingIpsAsync(ct)).Where(f => f.Description == name))
            await cloud.Neutron.DeleteFloatingIpAsync(address.Id, ct);
        foreach (var port in await cloud.Neutron.PortsNamedAsync(name, ct))
            await cloud.Neutron.DeletePortAsync(port.Id, ct);
        if (KeepsVolumes) return;
        foreach (var volume in await cloud.Cinder.VolumesAsync(ct))
            if (volume.Name?.StartsWith(name + "-", StringComparison.Ordinal) is true)
                await cloud.Cinder.DeleteVolumeAsync(volume.Id, ct);
    }
}
