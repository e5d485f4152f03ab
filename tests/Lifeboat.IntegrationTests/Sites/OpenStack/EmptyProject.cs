// SPDX-License-Identifier: Apache-2.0
using System.Text;
using System.Text.Json.Nodes;
using Lifeboat.Sites.OpenStack;
using Lifeboat.Sites.OpenStack.Clouds;
using Lifeboat.Sites.OpenStack.Compute;
using Lifeboat.Sites.OpenStack.Describing;
using Lifeboat.Sites.OpenStack.Http;
using Lifeboat.Sites.OpenStack.Networking;
using Microsoft.Extensions.Logging.Abstractions;

namespace Lifeboat.IntegrationTests.Sites.OpenStack;

/// <summary>
/// A project with a user of its own, made by the administrator and as empty as a cloud makes it: quotas, a restrictive
/// security group `default`, nothing else. It goes with all that is in it.
/// </summary>
internal sealed class EmptyProject : IAsyncDisposable
{
    /// <summary>Its login in <see cref="LoginFile"/>.</summary>
    public const string Login = "empty";
    private const string Password = "for-this-test-alone";
    private readonly HttpClient _http = new();
    private readonly CloudSession _admin;
    private readonly CloudSettings _adminSettings;
    private readonly List<string> _pools = [];
    private CloudSession? _session;
    private string _user = "";

    private EmptyProject(string site, CloudSettings settings)
    {
        Site = site;
        _adminSettings = settings;
        _admin = new CloudSession(settings, null, CloudHttpOptions.Default, TimeProvider.System,
            NullLoggerFactory.Instance);
        AsAdmin = new CloudClients(_admin);
    }

    public string Site { get; }
    public string Folder { get; } = Directory.CreateTempSubdirectory("lb-empty-").FullName;
    public string Name { get; } = $"lb-empty-{Guid.NewGuid().ToString("n")[..8]}";
    public string Id { get; private set; } = "";
    public CloudClients AsAdmin { get; }
    public CloudClients Cloud => new(_session!);
    public string LoginFile => Path.Combine(Folder, "clouds.yaml");

    /// <summary>Skips with the reason where the testbed's site is not up.</summary>
    public static async Task<EmptyProject> MakeAsync(CancellationToken ct, string site = "b")
    {
        var project = new EmptyProject(site, await Testbed.SettingsAsync($"lifeboat-{site}-admin", ct));
        try
        {
            await project.MakeItAsync(ct);
            return project;
        }
        catch
        {
            await project.DisposeAsync();
            throw;
        }
    }

    /// <summary>As its member; the login "admin" is in the same file.</summary>
    public OpenStackSiteOptions Options() =>
        Testbed.OptionsOf(Folder, Site) with { Cloud = Login, CloudsFile = LoginFile };

    public Task QuotaAsync(CloudApi service, JsonObject quota, CancellationToken ct) => service == CloudApi.Network
        ? CallAsync(HttpMethod.Put, service, $"quotas/{Id}", new JsonObject { ["quota"] = quota }, ct)
        : CallAsync(HttpMethod.Put, service, $"os-quota-sets/{Id}", new JsonObject { ["quota_set"] = quota }, ct);

    /// <summary>An external network with so many addresses, for everybody.</summary>
    public async Task<string> PoolAsync(int addresses, CancellationToken ct)
    {
        var name = $"{Name}-pool-{_pools.Count}";
        var made = (await CallAsync(HttpMethod.Post, CloudApi.Network, "networks", new JsonObject
        {
            ["network"] = new JsonObject { ["name"] = name, ["router:external"] = true },
        }, ct))!["network"]!["id"]!.ToString();
        _pools.Add(made);
        await AsAdmin.Neutron.CreateSubnetAsync(new NewSubnet(name, made, "198.51.100.0/28", 4)
        {
            EnableDhcp = false,
            AllocationPools = [new NeutronPool("198.51.100.4", $"198.51.100.{3 + addresses}")],
        }, ct);
        return name;
    }

    /// <summary>What is in it besides its group `default`; empty when nothing is.</summary>
    public async Task<IReadOnlyList<string>> ListAsync(CancellationToken ct)
    {
        var neutron = Cloud.Neutron;
        return
        [
            .. (await Cloud.Nova.ServersAsync(ct)).Select(s => $"server {s.Name}"),
            .. (await Cloud.Cinder.VolumesAsync(ct)).Select(v => $"volume {v.Name}"),
            .. (await neutron.PortsOfProjectAsync(ct)).Select(p => $"port {p.Id} of {p.DeviceOwner}"),
            .. (await neutron.FloatingIpsAsync(ct)).Select(f => $"floating address {f.FloatingIpAddress}"),
            .. (await neutron.NetworksAsync(ct)).Where(n => n.ProjectId == Id).Select(n => $"network {n.Name}"),
            .. (await neutron.RoutersAsync(ct)).Where(r => r.ProjectId == Id).Select(r => $"router {r.Name}"),
            .. (await neutron.SecurityGroupsAsync(ct)).Where(g => g.Name != "default")
                .Select(g => $"security group {g.Name}"),
        ];
    }

    public async Task RemoveGroupsAsync(CancellationToken ct)
    {
        foreach (var group in (await Cloud.Neutron.SecurityGroupsAsync(ct)).Where(g => g.Name != "default"))
            await Cloud.Neutron.DeleteSecurityGroupAsync(group.Id, ct);
    }

    public async ValueTask DisposeAsync()
    {
        var ct = CancellationToken.None;
        if (_session is not null) await EmptyAsync(ct);
        foreach (var pool in _pools)
        {
            foreach (var port in await AsAdmin.Neutron.PortsOnAsync(pool, ct))
                await AsAdmin.Neutron.DeletePortAsync(port.Id, ct);
            await AsAdmin.Neutron.DeleteNetworkAsync(pool, ct);
        }
        if (Id.Length > 0) await RemoveDefaultGroupAsync(ct);
        if (_user.Length > 0) await CallAsync(HttpMethod.Delete, CloudApi.Identity, $"users/{_user}", null, ct);
        if (Id.Length > 0) await CallAsync(HttpMethod.Delete, CloudApi.Identity, $"projects/{Id}", null, ct);
        _session?.Dispose();
        _admin.Dispose();
        _http.Dispose();
        Directory.Delete(Folder, recursive: true);
    }

    private async Task MakeItAsync(CancellationToken ct)
    {
        Id = await PostAsync("projects", "project",
            new JsonObject { ["name"] = Name, ["domain_id"] = "default" }, ct);
        _user = await PostAsync("users", "user",
            new JsonObject { ["name"] = Name, ["domain_id"] = "default", ["password"] = Password }, ct);
        var member = (await CallAsync(HttpMethod.Get, CloudApi.Identity, "roles?name=member", null, ct))!
            ["roles"]![0]!["id"]!;
        await CallAsync(HttpMethod.Put, CloudApi.Identity, $"projects/{Id}/users/{_user}/roles/{member}", null, ct);
        WriteClouds();
        var login = CloudsFile.Read(CloudsSearch.OfThisProcess(LoginFile), Login);
        _session = new CloudSession(login, null, CloudHttpOptions.Default, TimeProvider.System,
            NullLoggerFactory.Instance);
    }

    // Also after a test that was cut short: what the product should have removed is its own assertion.
    private async Task EmptyAsync(CancellationToken ct)
    {
        var wait = new ServerWait(Cloud.Nova, TimeProvider.System);
        foreach (var server in await Cloud.Nova.ServersAsync(ct)) await Cloud.Nova.DeleteServerAsync(server.Id, ct);
        foreach (var server in await Cloud.Nova.ServersAsync(ct))
            await wait.UntilGoneAsync(server.Id, TimeSpan.FromMinutes(5), ct);
        foreach (var volume in await Cloud.Cinder.VolumesAsync(ct)) await Cloud.Cinder.DeleteVolumeAsync(volume.Id, ct);
        var neutron = Cloud.Neutron;
        foreach (var address in await neutron.FloatingIpsAsync(ct)) await neutron.DeleteFloatingIpAsync(address.Id, ct);
        foreach (var router in (await neutron.RoutersAsync(ct)).Where(r => r.ProjectId == Id))
        {
            if (router.Routes is { Count: > 0 } routes) await neutron.RemoveRoutesAsync(router.Id, routes, ct);
            foreach (var port in (await neutron.PortsAsync(router.Id, ct)).Where(p => p.IsRouter()))
                await neutron.RemoveInterfaceAsync(router.Id, new RouterInterface(PortId: port.Id), ct);
            await neutron.DeleteRouterAsync(router.Id, ct);
        }
        foreach (var port in (await neutron.PortsOfProjectAsync(ct)).Where(p => !p.IsDhcp()))
            await neutron.DeletePortAsync(port.Id, ct);
        foreach (var network in (await neutron.NetworksAsync(ct)).Where(n => n.ProjectId == Id))
            await neutron.DeleteNetworkAsync(network.Id, ct);
        await RemoveGroupsAsync(ct);
    }

    // Neutron keeps it when Keystone forgets the project.
    private async Task RemoveDefaultGroupAsync(CancellationToken ct)
    {
        var groups = await CallAsync(HttpMethod.Get, CloudApi.Network, $"security-groups?project_id={Id}", null, ct);
        foreach (var group in groups!["security_groups"]!.AsArray())
            await AsAdmin.Neutron.DeleteSecurityGroupAsync(group!["id"]!.ToString(), ct);
    }

    private void WriteClouds() => File.WriteAllText(LoginFile, $"""
        clouds:
          {Login}:
            region_name: {Site}
            auth:
              auth_url: {_adminSettings.AuthUrl}
              username: {Name}
              password: {Password}
              project_name: {Name}
              user_domain_name: Default
              project_domain_name: Default
          admin:
            region_name: {Site}
            auth:
              auth_url: {_adminSettings.AuthUrl}
              username: admin
              password: {_adminSettings.Password}
              project_name: admin
              user_domain_name: Default
              project_domain_name: Default

        """);

    private async Task<string> PostAsync(string list, string kind, JsonObject body, CancellationToken ct) =>
        (await CallAsync(HttpMethod.Post, CloudApi.Identity, list, new JsonObject { [kind] = body }, ct))!
            [kind]!["id"]!.ToString();

    private async Task<JsonNode?> CallAsync(HttpMethod method, CloudApi service, string path, JsonObject? body,
        CancellationToken ct)
    {
        var token = await _admin.TokenAsync(ct);
        var root = service == CloudApi.Identity ? _adminSettings.AuthUrl.AbsoluteUri
            : service.Root(token.Catalog.Endpoint(service, _adminSettings), token.ProjectId).AbsoluteUri;
        root = root.TrimEnd('/');
        if (service == CloudApi.Identity && !root.EndsWith("/v3", StringComparison.Ordinal)) root += "/v3";
        using var request = new HttpRequestMessage(method, $"{root}/{path}");
        request.Headers.Add("X-Auth-Token", token.Value);
        // With its length: what serves Keystone reads no chunks.
        if (body is not null)
            request.Content = new StringContent(body.ToJsonString(), Encoding.UTF8, "application/json");
        using var answer = await _http.SendAsync(request, ct);
        var text = await answer.Content.ReadAsStringAsync(ct);
        Assert.True(answer.IsSuccessStatusCode, $"{method} {path}: {(int)answer.StatusCode} {text}");
        return text.Length == 0 ? null : JsonNode.Parse(text);
    }
}
