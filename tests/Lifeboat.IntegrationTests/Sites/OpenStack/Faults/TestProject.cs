// SPDX-License-Identifier: Apache-2.0
using System.Text.Json.Nodes;
using Lifeboat.Sites.OpenStack.BlockStorage;
using Lifeboat.Sites.OpenStack.Clouds;
using Lifeboat.Sites.OpenStack.Describing;
using Lifeboat.Sites.OpenStack.Http;
using Lifeboat.Sites.OpenStack.Networking;
using Microsoft.Extensions.Logging.Abstractions;

namespace Lifeboat.IntegrationTests.Sites.OpenStack.Faults;

/// <summary>
/// A project of its own for one class of tests, with a user who is a member of it and one network, made by the
/// administrator of the site; all of it goes at the end.
/// </summary>
internal sealed class TestProject : IAsyncDisposable
{
    public const string Password = "lifeboat";
    private const string Network = "lan";
    /// <summary>The name of the network of floating addresses at each site.</summary>
    public const string Pool = "public";
    private readonly CloudSession _admin;
    private readonly List<string> _users = [];
    private CloudSession? _session;

    private TestProject(string name, CloudSettings settings, CloudSession admin) =>
        (Name, Settings, _admin) = (name, settings, admin);

    public string Name { get; }
    public string Id { get; private set; } = "";
    /// <summary>Of its user, who has its name.</summary>
    public CloudSettings Settings { get; }
    public CloudSession Session => _session!;
    public CloudClients Cloud { get; private set; } = null!;
    public CloudClients Admin => new(_admin);

    public static async Task<TestProject> CreateAsync(string name, CancellationToken ct)
    {
        Testbed.SkipUnlessAsked();
        var settings = await Testbed.SettingsAsync(Testbed.Member, ct);
        var domain = new CloudDomain("default", null);
        var project = new TestProject(name, settings with
        {
            User = new CloudUser(null, name, domain),
            Password = Password,
            Project = new CloudProject(null, name, domain),
        }, await Testbed.OpenAsync(Testbed.Member + "-admin", ct));
        await project.RemoveAsync(ct);
        project.Id = await project.MakeAsync("project", name, new JsonObject { ["name"] = name }, ct);
        await project.UserAsync(name, ["member"], ct);
        project._session = new CloudSession(project.Settings, null, CloudHttpOptions.Default, TimeProvider.System,
            NullLoggerFactory.Instance);
        project.Cloud = new CloudClients(project._session);
        await project.FurnishAsync(ct);
        return project;
    }

    /// <summary>A user with these roles in the project.</summary>
    public async Task<string> UserAsync(string name, IReadOnlyList<string> roles, CancellationToken ct)
    {
        var id = await MakeAsync("user", name, new JsonObject { ["name"] = name, ["password"] = Password }, ct);
        _users.Add(name);
        foreach (var role in roles)
            await PutAsync($"projects/{Id}/users/{id}/roles/{await IdAsync("role", role, ct)}", ct);
        return id;
    }

    /// <summary>A role over all of the cloud.</summary>
    public async Task GrantSystemAsync(string user, string role, CancellationToken ct) =>
        await PutAsync($"system/users/{user}/roles/{await IdAsync("role", role, ct)}", ct);

    /// <summary>The id of a flavor of its own with so much memory, which may be more than any host has.</summary>
    public async Task<string> FlavorAsync(int memoryMiB, CancellationToken ct)
    {
        var name = $"{Name}.{memoryMiB}";
        if ((await Cloud.Nova.FlavorsAsync(ct)).FirstOrDefault(f => f.Name == name) is { } known) return known.Id;
        var made = await _admin.PostAsync(CloudApi.Compute, "flavors", new JsonObject
        {
            ["flavor"] = new JsonObject { ["name"] = name, ["ram"] = memoryMiB, ["vcpus"] = 1, ["disk"] = 0 },
        }, CinderJson.Default.JsonObject, CinderJson.Default.JsonObject, ct);
        return made["flavor"]!["id"]!.GetValue<string>();
    }

    /// <summary>An endpoint of this type in the catalogue of the site; it goes with the project.</summary>
    public async Task PublishAsync(string type, Uri url, CancellationToken ct)
    {
        var id = await MakeAsync("service", Name, new JsonObject { ["type"] = type, ["name"] = Name }, ct);
        await _admin.PostAsync(CloudApi.Identity, "endpoints", new JsonObject
        {
            ["endpoint"] = new JsonObject
            {
                ["service_id"] = id, ["interface"] = "public", ["region_id"] = Settings.Region,
                ["url"] = url.ToString(),
            },
        }, CinderJson.Default.JsonObject, CinderJson.Default.JsonObject, ct);
    }

    /// <summary>Its user may log in no more, or again.</summary>
    public async Task DisableAsync(bool disabled, CancellationToken ct) => await ChangeAsync(CloudApi.Identity,
        HttpMethod.Patch, $"users/{await IdAsync("user", Name, ct)}",
        new JsonObject { ["user"] = new JsonObject { ["enabled"] = !disabled } }, ct);

    /// <summary>A router between its network and <see cref="Pool"/>.</summary>
    public async Task RouteAsync(CancellationToken ct)
    {
        var networks = await Cloud.Neutron.NetworksAsync(ct);
        var pool = networks.First(n => n is { External: true, Name: Pool });
        var router = await Cloud.Neutron.CreateRouterAsync(
            new NewRouter(Network, Name, new NeutronGateway(pool.Id)), ct);
        var subnet = (await Cloud.Neutron.SubnetsAsync(ct)).First(s => s.NetworkId
            == networks.First(n => n.Name == Network && n.ProjectId == Id).Id);
        try
        {
            await Cloud.Neutron.AddInterfaceAsync(router.Id, new RouterInterface(subnet.Id), ct);
        }
        catch (CloudException e) when (e.Fault is CloudFault.Conflict or CloudFault.AddressTaken)
        {
            // On a busy machine its answer comes late, and it was asked for once more.
            Assert.NotEmpty(await Cloud.Neutron.PortsAsync(router.Id, ct));
        }
    }

    /// <summary>All that there is in it, by kind, name and id: two of them tell what was made in between.</summary>
    public async Task<IReadOnlyList<string>> ThingsAsync(CancellationToken ct)
    {
        var servers = await Cloud.Nova.ServersAsync(ct);
        var all = servers.Select(s => $"server {s.Name} {s.Id}").ToList();
        foreach (var server in servers)
        {
            try
            {
                all.AddRange((await Cloud.Nova.AttachmentsAsync(server.Id, ct))
                    .Select(a => $"attachment {server.Name} {a.VolumeId}"));
            }
            catch (CloudException e) when (e.Fault is CloudFault.NotFound)
            {
                all.Remove($"server {server.Name} {server.Id}"); // gone since it was listed
            }
        }
        all.AddRange((await Cloud.Cinder.VolumesAsync(ct)).Select(v => $"volume {v.Name} {v.Id}"));
        all.AddRange((await Cloud.Cinder.SnapshotsAsync(ct)).Select(s => $"snapshot {s.Name} {s.Id}"));
        all.AddRange((await Cloud.Neutron.PortsOfProjectAsync(ct)).Where(p => p.DeviceOwner != "network:dhcp")
            .Select(p => $"port {p.Name} {p.Id}"));
        all.AddRange((await Cloud.Neutron.FloatingIpsAsync(ct))
            .Select(f => $"floating-address {f.Description} {f.Id}"));
        all.AddRange((await Cloud.Neutron.NetworksAsync(ct)).Where(n => n.ProjectId == Id)
            .Select(n => $"network {n.Name} {n.Id}"));
        all.AddRange((await Cloud.Neutron.SecurityGroupsAsync(ct)).Select(g => $"security-group {g.Name} {g.Id}"));
        all.AddRange((await Cloud.Nova.ServerGroupsAsync(ct)).Select(g => $"server-group {g.Name} {g.Id}"));
        return all;
    }

    public async ValueTask DisposeAsync()
    {
        await RemoveAsync(CancellationToken.None);
        _session?.Dispose();
        _admin.Dispose();
    }

    private async Task FurnishAsync(CancellationToken ct)
    {
        // A flavor that no host can hold must fail in the scheduler, not at a quota.
        await ChangeAsync(CloudApi.Compute, HttpMethod.Put, $"os-quota-sets/{Id}", new JsonObject
        {
            ["quota_set"] = new JsonObject { ["ram"] = -1, ["cores"] = -1, ["instances"] = -1 },
        }, ct);
        var lan = await Cloud.Neutron.CreateNetworkAsync(new NewNetwork(Network, Name), ct);
        await Cloud.Neutron.CreateSubnetAsync(new NewSubnet(Network, lan.Id, "192.168.60.0/24", 4)
        {
            GatewayIp = "192.168.60.1",
        }, ct);
    }

    /// <summary>What an earlier run that was cut short left too.</summary>
    private async Task RemoveAsync(CancellationToken ct)
    {
        if (await FindAsync("project", Name, ct) is { } id)
        {
            using var session = new CloudSession(Settings, null, CloudHttpOptions.Default, TimeProvider.System,
                NullLoggerFactory.Instance);
            if (await FindAsync("user", Name, ct) is not null) await EmptyAsync(new CloudClients(session), id, ct);
            await DeleteAsync($"projects/{id}", ct);
            // Neutron made it one group by itself, and does not hear of the project's end.
            var groups = await _admin.GetAsync(CloudApi.Network, $"security-groups?project_id={id}",
                CinderJson.Default.JsonObject, ct);
            foreach (var group in groups["security_groups"]!.AsArray())
                await _admin.DeleteAsync(CloudApi.Network, $"security-groups/{group!["id"]!.GetValue<string>()}", ct);
        }
        if (await FindAsync("service", Name, ct) is { } service) await DeleteAsync($"services/{service}", ct);
        foreach (var flavor in await Admin.Nova.FlavorsAsync(ct))
            if (flavor.Name.StartsWith(Name + ".", StringComparison.Ordinal))
                await _admin.DeleteAsync(CloudApi.Compute, $"flavors/{flavor.Id}", ct);
        foreach (var user in _users.Append(Name).Distinct())
            if (await FindAsync("user", user, ct) is { } id2) await DeleteAsync($"users/{id2}", ct);
    }

    private async Task EmptyAsync(CloudClients cloud, string id, CancellationToken ct)
    {
        foreach (var server in await cloud.Nova.ServersAsync(ct)) await cloud.Nova.DeleteServerAsync(server.Id, ct);
        while ((await cloud.Nova.ServersAsync(ct)).Count > 0) await Task.Delay(500, ct);
        foreach (var address in await cloud.Neutron.FloatingIpsAsync(ct))
            await cloud.Neutron.DeleteFloatingIpAsync(address.Id, ct);
        foreach (var router in (await cloud.Neutron.RoutersAsync(ct)).Where(r => r.ProjectId == id))
        {
            foreach (var port in (await cloud.Neutron.PortsAsync(router.Id, ct)).Where(p => p.IsRouter()))
                await cloud.Neutron.RemoveInterfaceAsync(router.Id, new RouterInterface(PortId: port.Id), ct);
            await cloud.Neutron.DeleteRouterAsync(router.Id, ct);
        }
        foreach (var group in await cloud.Nova.ServerGroupsAsync(ct))
            await cloud.Nova.DeleteServerGroupAsync(group.Id, ct);
        foreach (var image in (await cloud.Glance.ImagesAsync(ct)).Where(i => i.Owner == id))
            await cloud.Glance.DeleteImageAsync(image.Id, ct);
        foreach (var port in await cloud.Neutron.PortsOfProjectAsync(ct))
            if (port.DeviceOwner is null or "") await cloud.Neutron.DeletePortAsync(port.Id, ct);
        // One that is still being taken out of a server that is gone would come back.
        while ((await cloud.Cinder.VolumesAsync(ct)).Any(v => v.Status is "in-use" or "detaching"))
            await Task.Delay(500, ct);
        foreach (var snapshot in await cloud.Cinder.SnapshotsAsync(ct))
            await cloud.Cinder.DeleteSnapshotAsync(snapshot.Id, ct);
        while ((await cloud.Cinder.SnapshotsAsync(ct)).Count > 0) await Task.Delay(500, ct);
        foreach (var volume in await cloud.Cinder.VolumesAsync(ct))
        {
            await ChangeAsync(CloudApi.BlockStorage, HttpMethod.Post, $"volumes/{volume.Id}/action",
                new JsonObject { ["os-force_delete"] = new JsonObject() }, ct);
        }
        while ((await cloud.Cinder.VolumesAsync(ct)).Count > 0) await Task.Delay(500, ct);
        foreach (var network in (await cloud.Neutron.NetworksAsync(ct)).Where(n => n.ProjectId == id))
            await cloud.Neutron.DeleteNetworkAsync(network.Id, ct);
        foreach (var group in await cloud.Neutron.SecurityGroupsAsync(ct))
            if (group.Name != "default") await _admin.DeleteAsync(CloudApi.Network, $"security-groups/{group.Id}", ct);
    }

    private async Task<string> MakeAsync(string kind, string name, JsonObject body, CancellationToken ct) =>
        await FindAsync(kind, name, ct) ?? (await _admin.PostAsync(CloudApi.Identity, kind + "s",
            new JsonObject { [kind] = body }, CinderJson.Default.JsonObject, CinderJson.Default.JsonObject,
            ct))[kind]!["id"]!.GetValue<string>();

    private async Task<string> IdAsync(string kind, string name, CancellationToken ct) =>
        await FindAsync(kind, name, ct) ?? throw new InvalidOperationException($"the cloud has no {kind} {name}");

    private async Task<string?> FindAsync(string kind, string name, CancellationToken ct) =>
        (await _admin.GetAsync(CloudApi.Identity, $"{kind}s?name={name}", CinderJson.Default.JsonObject, ct))
            [kind + "s"]!.AsArray().Select(p => p!["id"]!.GetValue<string>()).FirstOrDefault();

    private Task PutAsync(string path, CancellationToken ct) =>
        ChangeAsync(CloudApi.Identity, HttpMethod.Put, path, [], ct);

    private Task ChangeAsync(CloudApi service, HttpMethod method, string path, JsonObject body, CancellationToken ct) =>
        _admin.ChangeAsync(service, method, path, body, CinderJson.Default.JsonObject, ct);

    private Task DeleteAsync(string path, CancellationToken ct) => _admin.DeleteAsync(CloudApi.Identity, path, ct);
}
