// SPDX-License-Identifier: Apache-2.0
using System.Text.Json.Nodes;
using Lifeboat.Contracts.Sites;
using Lifeboat.Sites;
using Lifeboat.Sites.OpenStack;
using Lifeboat.Sites.OpenStack.BlockStorage;
using Lifeboat.Sites.OpenStack.Clouds;
using Lifeboat.Sites.OpenStack.Http;
using Lifeboat.Sites.OpenStack.Identity;
using Lifeboat.Sites.OpenStack.Projects;
using Microsoft.Extensions.Logging.Abstractions;

namespace Lifeboat.IntegrationTests.Sites.OpenStack;

/// <summary>
/// One cloud of the testbed as its administrator sees it, with users, groups, roles and projects of one test, whose
/// names all begin alike; what is left of them goes at the end.
/// </summary>
internal sealed class ProjectSide : IAsyncDisposable
{
    public const string Password = "for-this-test-alone";
    private readonly CloudSettings _settings;
    private readonly List<OpenStackSite> _sites = [];
    private readonly string _letter;

    private ProjectSide(string letter, string name, CloudSettings settings)
    {
        (_letter, Name, _settings) = (letter, name, settings);
        Admin = new CloudSession(settings, null, CloudHttpOptions.Default, TimeProvider.System,
            NullLoggerFactory.Instance);
        Keystone = new KeystoneClient(Admin);
    }

    /// <summary>What all that is made begins with, and what the project is called.</summary>
    public string Name { get; }
    public CloudSession Admin { get; }
    public KeystoneClient Keystone { get; }
    public string Folder { get; } = Directory.CreateTempSubdirectory("prj-").FullName;
    private string Clouds => Path.Combine(Folder, "clouds.yaml");

    /// <summary>Skips with the reason where the cloud is not up.</summary>
    public static async Task<ProjectSide> OpenAsync(string letter, string name, CancellationToken ct)
    {
        Testbed.SkipUnlessAsked();
        var side = new ProjectSide(letter, name, await Testbed.SettingsAsync($"lifeboat-{letter}-admin", ct));
        side.WriteClouds();
        return side;
    }

    /// <summary>Of a site whose own login is the user `NAME-lifeboat`; the login `admin` is in the same file.</summary>
    public OpenStackSiteOptions Options() =>
        Testbed.OptionsOf(Folder, _letter) with { Cloud = "project", CloudsFile = Clouds };

    public OpenStackSite Site(OpenStackSiteOptions options)
    {
        var site = new OpenStackSite(new SiteSetting(Folder, Testbed.Written(options)), TimeProvider.System,
            NullLoggerFactory.Instance);
        _sites.Add(site);
        return site;
    }

    /// <summary>As the site's own login, once it has a role in the project.</summary>
    public CloudSession AsMember() => new(CloudsFile.Read(CloudsSearch.OfThisProcess(Clouds), "project"), null,
        CloudHttpOptions.Default, TimeProvider.System, NullLoggerFactory.Instance);

    public Task<string> UserAsync(string part, CancellationToken ct) => MakeAsync("user", new JsonObject
    {
        ["name"] = $"{Name}-{part}", ["domain_id"] = "default", ["password"] = Password,
    }, ct);

    public Task<string> GroupAsync(string part, CancellationToken ct) =>
        MakeAsync("group", new JsonObject { ["name"] = $"{Name}-{part}", ["domain_id"] = "default" }, ct);

    public Task<string> RoleAsync(string part, CancellationToken ct) =>
        MakeAsync("role", new JsonObject { ["name"] = $"{Name}-{part}" }, ct);

    public Task<string> ProjectAsync(string description, string[] tags, CancellationToken ct) =>
        MakeAsync("project", new JsonObject
        {
            ["name"] = Name, ["domain_id"] = "default", ["description"] = description,
            ["tags"] = new JsonArray([.. tags.Select(t => JsonValue.Create(t))]),
        }, ct);

    public async Task GrantAsync(string project, GranteeKind kind, string grantee, string role, CancellationToken ct) =>
        await Keystone.GrantAsync(project, kind, grantee,
            (await Keystone.RolesAsync(ct)).Single(r => r.Name == role).Id, ct);

    public Task QuotaAsync(string project, QuotaArea service, string resource, long limit, CancellationToken ct) =>
        new ProjectQuotas(Admin).SetAsync(service, project,
            new Dictionary<string, long> { [resource] = limit }, ct);

    public async Task<long> QuotaAsync(string project, QuotaArea service, string resource, CancellationToken ct) =>
        (await new ProjectQuotas(Admin).ReadAsync(service, project, ct))[resource].Limit;

    public Task<KeystoneProject?> FindAsync(CancellationToken ct) => Keystone.FindProjectAsync(Name, "default", ct);

    /// <summary>Who has which role in the project, as `user NAME: role`, without what all names begin with.</summary>
    public async Task<IReadOnlyList<string>> GrantsAsync(CancellationToken ct) =>
    [
        .. (await Keystone.AssignmentsAsync((await FindAsync(ct))!.Id, ct)).Select(a =>
            (a.User is { } user ? $"user {user.Name}" : $"group {a.Group!.Name}") + $": {a.Role.Name}")
            .Select(g => g.Replace(Name + "-", "", StringComparison.Ordinal)).Order(StringComparer.Ordinal),
    ];

    public async ValueTask DisposeAsync()
    {
        var ct = CancellationToken.None;
        foreach (var site in _sites) site.Dispose();
        if (await FindAsync(ct) is { } project)
        {
            await EmptyAsync(project.Id, ct);
            await Admin.DeleteAsync(CloudApi.Identity, $"projects/{project.Id}", ct);
        }
        foreach (var kind in new[] { "user", "group", "role" })
        {
            var all = (await Admin.GetAsync(CloudApi.Identity, kind + "s", CinderJson.Default.JsonObject, ct))
                [kind + "s"]!.AsArray();
            foreach (var one in all.Where(o => o!["name"]!.GetValue<string>().StartsWith(Name + "-",
                StringComparison.Ordinal)))
                await Admin.DeleteAsync(CloudApi.Identity, $"{kind}s/{one!["id"]}", ct);
        }
        Admin.Dispose();
        Directory.Delete(Folder, recursive: true);
    }

    /// <summary>What Neutron keeps of a project that is gone. All are asked for: a list of one project's makes the
    /// default one first.</summary>
    public async Task<IReadOnlyList<string>> SecurityGroupsAsync(string project, CancellationToken ct)
    {
        var groups = await Admin.GetAsync(CloudApi.Network, "security-groups", CinderJson.Default.JsonObject, ct);
        return [.. groups["security_groups"]!.AsArray().Where(g => $"{g!["project_id"]}" == project)
            .Select(g => g!["id"]!.GetValue<string>())];
    }

    private async Task EmptyAsync(string project, CancellationToken ct)
    {
        var volumes = await Admin.GetAsync(CloudApi.BlockStorage,
            $"volumes?all_tenants=true&project_id={project}", CinderJson.Default.JsonObject, ct);
        foreach (var volume in volumes["volumes"]!.AsArray())
            await Admin.DeleteAsync(CloudApi.BlockStorage, $"volumes/{volume!["id"]}", ct);
        foreach (var group in await SecurityGroupsAsync(project, ct))
            await Admin.DeleteAsync(CloudApi.Network, $"security-groups/{group}", ct);
    }

    private async Task<string> MakeAsync(string kind, JsonObject body, CancellationToken ct) =>
        (await Admin.PostAsync(CloudApi.Identity, kind + "s", new JsonObject { [kind] = body },
            CinderJson.Default.JsonObject, CinderJson.Default.JsonObject, ct))[kind]!["id"]!.GetValue<string>();

    private void WriteClouds() => File.WriteAllText(Clouds, $"""
        clouds:
          project:
            region_name: {_letter}
            auth:
              auth_url: {_settings.AuthUrl}
              username: {Name}-lifeboat
              password: {Password}
              project_name: {Name}
              user_domain_name: Default
              project_domain_name: Default
          admin:
            region_name: {_letter}
            auth:
              auth_url: {_settings.AuthUrl}
              username: admin
              password: {_settings.Password}
              project_name: admin
              user_domain_name: Default
              project_domain_name: Default

        """);
}
