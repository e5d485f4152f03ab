// SPDX-License-Identifier: Apache-2.0
using System.Net.Http.Headers;
using System.Text.Json.Nodes;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Api;
using Lifeboat.Contracts.Sites;
using Lifeboat.IntegrationTests.Life;
using Lifeboat.Protection;
using Lifeboat.Sites.OpenStack.Http;
using Lifeboat.Testing.Field;
using Lifeboat.Testing.Oracle;

namespace Lifeboat.IntegrationTests.Sites.OpenStack.Faults;

/// <summary>
/// Tokens of a real Keystone at the API of a real site: that of the right project with the right role is answered, each
/// other one refused with its reason.
/// </summary>
[Collection(LifeCollection.Name)]
public sealed class KeystoneAccess
{
    private const string Name = "lb-token", Rules = "policy.yaml";
    private static readonly TimeSpan Kept = TimeSpan.FromSeconds(61);

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_token_of_the_right_project_and_role_is_answered_and_no_other()
    {
        await using var project = await TestProject.CreateAsync(Name, Ct);
        await using var proxy = await CloudProxy.StartAsync(project.Settings, project.Session, Ct);
        var directory = Directory.CreateTempSubdirectory("lb-").FullName;
        await using var site = new FieldSite("k", directory);
        try
        {
            await PrepareAsync(site, proxy);
            var keystone = new Tokens(proxy.Keystone);
            await ProjectsAndRolesAsync(site, project, keystone);
            await RulesAsync(site, keystone);
            await OthersAsync(site, project, keystone, proxy);
            await KeystoneDownAsync(site, keystone, proxy);
            await ByCatalogueAsync(site, project, proxy);
        }
        finally
        {
            await site.DisposeAsync();
            Directory.Delete(directory, recursive: true);
        }
    }

    // A tenant for the project, and another one that has nothing to do with it, with a user each.
    private static async Task PrepareAsync(FieldSite site, CloudProxy proxy)
    {
        await site.InitAsync(Ct);
        var file = JsonNode.Parse(await File.ReadAllTextAsync(site.Paths.Configuration, Ct))!;
        file["keystone"] = new JsonObject { ["url"] = proxy.Keystone.ToString().TrimEnd('/') };
        file["accessRules"] = Rules;
        await File.WriteAllTextAsync(site.Paths.Configuration, file.ToJsonString(), Ct);
        await File.WriteAllTextAsync(Path.Combine(site.Directory, Rules), "{}\n", Ct);
        await site.StartAsync(Ct);
        var password = Path.Combine(site.Directory, "password");
        await File.WriteAllTextAsync(password, "a long enough one", Ct);
        File.SetUnixFileMode(password, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        foreach (var tenant in new[] { Name, "other" })
        {
            await site.MustAsync(["tenant", "create", tenant], Ct);
            await site.MustAsync(["user", "create", $"of-{tenant}", "--tenant", tenant, "--role", "reader",
                "--password-file", password], Ct);
        }
    }

    private static async Task ProjectsAndRolesAsync(FieldSite site, TestProject project, Tokens keystone)
    {
        foreach (var (role, rights) in new[]
        {
            ("reader", Role.Reader), ("member", Role.Member), ("admin", Role.Manager),
        })
        {
            var user = $"{Name}-{role}";
            await project.UserAsync(user, [role], Ct);
            using var client = Client(site, await keystone.TakeAsync(user, Tokens.Project(Name)));
            var caller = await client.CallerAsync(Ct);
            Assert.Equal(($"keystone:{user}@default", Name, "keystone"), (caller.Name, caller.Tenant, caller.Means));
            Assert.Equal(Expected(rights), caller.Rights.Order());
            Assert.Empty(await client.GroupsAsync(Ct));
            // What it lets do, and to whom: a manager sees the tenant's users, and no other's.
            if (rights is Role.Manager)
                Assert.Equal([$"of-{Name}"], (await client.UsersAsync(Ct)).Select(u => u.Name));
            else await RefusedAsync(ReasonCode.NotAllowed, "Administer", () => client.UsersAsync(Ct));
            await RefusedAsync(ReasonCode.NotAllowed, "is of a tenant", () => client.EventsAsync(Ct));
        }
        var root = await project.UserAsync($"{Name}-root", [], Ct);
        await project.GrantSystemAsync(root, "admin", Ct);
        using var ofSite = Client(site, await keystone.TakeAsync($"{Name}-root", Tokens.System));
        var all = await ofSite.CallerAsync(Ct);
        Assert.Null(all.Tenant);
        Assert.Equal(["of-lb-token", "of-other"], (await ofSite.UsersAsync(Ct)).Select(u => u.Name).Order());
    }

    // Rules name what Keystone says of a token, and show no more than its project's.
    private static async Task RulesAsync(FieldSite site, Tokens keystone)
    {
        var file = Path.Combine(site.Directory, Rules);
        await File.WriteAllTextAsync(file, "\"lifeboat:users:users\": \"role:member and user_domain_id:default and "
            + "project_id:%(project_id)s\"\n", Ct);
        await Task.Delay(TimeSpan.FromSeconds(1.1), Ct);
        var token = await keystone.TakeAsync($"{Name}-member", Tokens.Project(Name));
        using var member = Client(site, token);
        Assert.Equal([$"of-{Name}"], (await member.UsersAsync(Ct)).Select(u => u.Name));
        using var reader = Client(site, await keystone.TakeAsync($"{Name}-reader", Tokens.Project(Name)));
        await RefusedAsync(ReasonCode.NotAllowed, "the access rules do not let", () => reader.UsersAsync(Ct));
        var shown = Path.Combine(site.Directory, "token");
        await File.WriteAllTextAsync(shown, token, Ct);
        File.SetUnixFileMode(shown, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        var verdict = await site.RunAsync(["access", "check", "lifeboat:users:users", "--token-file", shown,
            "--target", "project_id=another"], Ct);
        Assert.Equal(ReasonCode.NotAllowed, verdict.Reason);
        Assert.Contains("project_id:%(project_id)s does not hold", verdict.Output);
        await File.WriteAllTextAsync(file, "{}\n", Ct);
        await Task.Delay(TimeSpan.FromSeconds(1.1), Ct);
        await RefusedAsync(ReasonCode.NotAllowed, "Administer", () => member.UsersAsync(Ct));
    }

    private static async Task OthersAsync(FieldSite site, TestProject project, Tokens keystone, CloudProxy proxy)
    {
        await StrangerAsync(site, "gAAAAABnobodys", "none that this site knows");
        await StrangerAsync(site, await keystone.TakeAsync("lifeboat", Tokens.Project("lifeboat")),
            "project 'lifeboat', which is no tenant of this site");
        await StrangerAsync(site, await keystone.TakeAsync(Name, null), "of no project");
        // A project of the site's tenant, and a role that is none of ours.
        await project.UserAsync($"{Name}-poor", ["service"], Ct);
        using (var poor = Client(site, await keystone.TakeAsync($"{Name}-poor", Tokens.Project(Name))))
            await RefusedAsync(ReasonCode.NotAllowed, "View", () => poor.GroupsAsync(Ct));
        // Taken back before it was ever shown here, and after: then it is good for as long as an answer is kept.
        var revoked = await keystone.TakeAsync(Name, Tokens.Project(Name));
        var shown = await keystone.TakeAsync(Name, Tokens.Project(Name));
        using var client = Client(site, shown);
        await client.GroupsAsync(Ct);
        await proxy.RevokeAsync(revoked);
        await proxy.RevokeAsync(shown);
        await StrangerAsync(site, revoked, "none that this site knows");
        await Task.Delay(Kept, Ct);
        await StrangerAsync(site, shown, "none that this site knows");
    }

    private static async Task KeystoneDownAsync(FieldSite site, Tokens keystone, CloudProxy proxy)
    {
        var good = await keystone.TakeAsync(Name, Tokens.Project(Name));
        await proxy.CloseAsync(CloudApi.Identity);
        using var client = Client(site, good);
        await RefusedAsync(ReasonCode.IdentityUnavailable, "Keystone", () => client.GroupsAsync(Ct));
        // The site's own operators and tokens do not need it.
        await site.MustAsync(["group", "list"], Ct);
        await proxy.OpenAsync(CloudApi.Identity, Ct);
        await client.GroupsAsync(Ct);
    }

    // As any user of the cloud: by the catalogue, with a token of `clouds.yaml`, over HTTPS.
    private static async Task ByCatalogueAsync(FieldSite site, TestProject project, CloudProxy proxy)
    {
        var url = new Uri($"https://{SiteConfiguration.Read(site.Directory).ControllerListen}/");
        await project.PublishAsync("disaster-recovery", url, Ct);
        var folder = Directory.CreateDirectory(Path.Combine(site.Directory, "user")).FullName;
        var yaml = proxy.Yaml("shop", project.Settings.Region, Name, TestProject.Password, Name);
        var clouds = Path.Combine(folder, "clouds.yaml");
        await File.WriteAllTextAsync(clouds, yaml, Ct);
        var untrusted = await RunAsync("group", "list");
        Assert.Contains("disaster_recovery_fingerprint", untrusted.Errors);
        await File.WriteAllTextAsync(clouds,
            $"{yaml.TrimEnd()}\n    disaster_recovery_cacert: {site.Paths.CaCertificate}\n", Ct);
        var answer = await RunAsync("tenant", "list", "-o", "json");
        Assert.True(answer.ExitCode == 0, answer.Errors);
        Assert.Contains(Name, answer.Output);
        Assert.DoesNotContain("other", answer.Output);

        Task<HostCommand> RunAsync(params string[] command) => HostCommand.RunAsync("env",
            ["-C", folder, $"OS_CLIENT_CONFIG_FILE={clouds}", "dotnet", FieldSite.BuiltCommand, "--os-cloud", "shop",
                .. command], Ct);
    }

    private static Task StrangerAsync(FieldSite site, string token, string says) =>
        RefusedAsync(ReasonCode.NotAuthenticated, says, async () =>
        {
            using var client = Client(site, token);
            await client.GroupsAsync(Ct);
        });

    private static async Task RefusedAsync(ReasonCode reason, string says, Func<Task> act)
    {
        var e = await Assert.ThrowsAsync<ProblemException>(act);
        Assert.Equal(reason, e.Reason);
        Assert.Contains(says, $"{e.Message} {e.Detail}", StringComparison.OrdinalIgnoreCase);
    }

    private static IEnumerable<Right> Expected(Role role) => (role switch
    {
        Role.Reader => [Right.View],
        Role.Member => new[] { Right.View, Right.Change, Right.Drill },
        _ => Enum.GetValues<Right>().Where(r => r is not (Right.Operate or Right.Audit)),
    }).Order();

    private static ControllerClient Client(FieldSite site, string token)
    {
        var url = new Uri($"https://{SiteConfiguration.Read(site.Directory).ControllerListen}/");
        return new ControllerClient(new ControllerHandler(new ControllerAccess
        {
            Url = url, CaPem = File.ReadAllText(site.Paths.CaCertificate), Token = token,
        }), url);
    }

    /// <summary>Takes tokens as anybody does.</summary>
    private sealed class Tokens(Uri keystone)
    {
        public static readonly JsonObject System = new() { ["system"] = new JsonObject { ["all"] = true } };

        public static JsonObject Project(string name) => new()
        {
            ["project"] = new JsonObject { ["name"] = name, ["domain"] = new JsonObject { ["id"] = "default" } },
        };

        /// <param name="scope">Null: unscoped, also where the user has a project of his own.</param>
        public async Task<string> TakeAsync(string user, JsonObject? scope)
        {
            using var http = new HttpClient();
            var body = new JsonObject
            {
                ["auth"] = new JsonObject
                {
                    ["identity"] = new JsonObject
                    {
                        ["methods"] = new JsonArray("password"),
                        ["password"] = new JsonObject
                        {
                            ["user"] = new JsonObject
                            {
                                ["name"] = user, ["password"] = TestProject.Password,
                                ["domain"] = new JsonObject { ["id"] = "default" },
                            },
                        },
                    },
                    ["scope"] = scope?.DeepClone() ?? "unscoped",
                },
            };
            // With its length: uWSGI takes no body in chunks.
            using var content = new StringContent(body.ToJsonString(), new MediaTypeHeaderValue("application/json"));
            using var answer = await http.PostAsync(new Uri(keystone, "/v3/auth/tokens"), content, Ct);
            Assert.True(answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync(Ct));
            return answer.Headers.GetValues("X-Subject-Token").Single();
        }
    }
}
