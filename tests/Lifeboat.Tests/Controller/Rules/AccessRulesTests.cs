// SPDX-License-Identifier: Apache-2.0
using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Api;
using Lifeboat.Contracts.Sites;
using Lifeboat.Controller;
using Lifeboat.Controller.Access;
using Lifeboat.Controller.Access.Rules;
using Lifeboat.Controller.Api.Description;
using Lifeboat.Controller.Storage;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;
using Lifeboat.Protection.Plans;
using Lifeboat.Testing.Recovery;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using static Lifeboat.Tests.Controller.TwoSites;

namespace Lifeboat.Tests.Controller.Rules;

/// <summary>A site whose operator has a file of rules, as its API obeys it.</summary>
public sealed class AccessRulesTests
{
    [Fact]
    public async Task A_rule_stands_in_the_place_of_each_operations_default()
    {
        await using var site = await StartAsync("{}\n");
        using var http = new TokenHttp(site);
        var (all, none) = (await http.UserAsync("all", null, [.. RoleRights.All]), await http.UserAsync("none", null));
        var walked = Operations(site);
        // All that the API's description has, but what is open to everybody.
        Assert.Equal(["POST /v1/tokens"], ApiOperations.All.Keys.Except(walked.Select(o => o.Operation.Key)));
        Assert.Equal(walked.Count, walked.Select(o => RuleDefaults.NameOf(o.Operation)).Distinct().Count());

        await WriteAsync(site, string.Concat(walked.Select(o => $"\"{RuleDefaults.NameOf(o.Operation)}\": \"!\"\n")));
        foreach (var (operation, path) in walked)
            await RefusedAsync(http, operation, path, all, $"do {RuleDefaults.NameOf(operation)}");

        // Who has no right at all is let in where the rule says so, and reads.
        await WriteAsync(site, string.Concat(walked.Select(o => $"\"{RuleDefaults.NameOf(o.Operation)}\": \"\"\n")));
        foreach (var (operation, path) in walked.Where(o => o.Operation.Method == "GET"))
        {
            using var answer = await http.SendAsync(HttpMethod.Get, path, none);
            Assert.False(answer.StatusCode is HttpStatusCode.Forbidden or HttpStatusCode.Unauthorized, path);
        }
    }

    [Fact]
    public async Task No_rule_reaches_over_to_the_site_or_to_another_tenant()
    {
        await using var site = await StartAsync("{}\n");
        foreach (var tenant in new[] { "acme", "other" })
            await site.Client.CreateTenantAsync(new() { Name = tenant }, Ct);
        using var http = new TokenHttp(site);
        var acme = await http.UserAsync("anna", "acme");
        await http.UserAsync("otto", "other");
        var walked = Operations(site);
        await WriteAsync(site, string.Concat(walked.Select(o => $"\"{RuleDefaults.NameOf(o.Operation)}\": \"@\"\n")));
        var ofSite = site.Endpoints.OfType<RouteEndpoint>()
            .Where(e => e.Metadata.GetMetadata<EndpointRights>() is { IsOpen: false, OfSite: true })
            .Select(e => e.Metadata.GetMetadata<ApiOperation>()?.Key).ToHashSet();
        Assert.True(ofSite.Count > 10);
        foreach (var (operation, path) in walked.Where(o => ofSite.Contains(o.Operation.Key)))
            await RefusedAsync(http, operation, path, acme, "is of a tenant, this is the site");
        var users = await http.AskAsync<List<UserInfo>>(HttpMethod.Get, "/v1/users", acme);
        Assert.Equal(["anna"], users.Select(u => u.Name));
        await http.RefusedAsync(HttpStatusCode.NotFound, ReasonCode.UserUnknown, HttpMethod.Delete, "/v1/users/otto",
            acme);
        await http.RefusedAsync(HttpStatusCode.NotFound, ReasonCode.TenantUnknown, HttpMethod.Get, "/v1/tenants/other",
            acme);
        // Nor does it give what only a right gives: nobody gives to others what they do not have.
        await http.RefusedAsync(HttpStatusCode.Forbidden, ReasonCode.NotAllowed, HttpMethod.Post, "/v1/users", acme,
            new CreateUserRequest { Name = "eve", Roles = [Role.Manager] });
    }

    [Fact]
    public async Task Rules_name_roles_kinds_of_runs_and_what_is_asked_about()
    {
        await using var sites = await TwoSites.StartAsync(found: p => UseRules(p, """
            dr: role:reader and user_name:olga
            "lifeboat:run_kinds:test_failover": "rule:dr and 'shop':%(group)s and 'test-failover':%(kind)s"
            "lifeboat:groups:group": "'shop':%(group)s"
            """));
        await sites.ProtectAsync();
        await UntilAsync(sites.B, GroupState.Protected);
        using var http = new TokenHttp(sites.B);
        var olga = await RoleAsync(http, sites.B, "olga", Role.Reader);
        var otto = await RoleAsync(http, sites.B, "otto", Role.Operator);
        await http.AskAsync<GroupInfo>(HttpMethod.Get, "/v1/groups/shop", olga);
        await http.RefusedAsync(HttpStatusCode.Forbidden, ReasonCode.NotAllowed, HttpMethod.Get, "/v1/groups/crm",
            otto);
        var run = await http.AskAsync<RunInfo>(HttpMethod.Post, "/v1/groups/shop/runs", olga,
            new StartRunRequest { Kind = RunKind.TestFailover });
        Assert.Equal("olga", run.RequestedBy);
        // What the file says nothing of is by rights, as ever; what it says stands in the place of them.
        await http.RefusedAsync(HttpStatusCode.Forbidden, ReasonCode.NotAllowed, HttpMethod.Post,
            "/v1/groups/shop/runs", olga, new StartRunRequest { Kind = RunKind.Failover });
        await http.RefusedAsync(HttpStatusCode.Forbidden, ReasonCode.NotAllowed, HttpMethod.Post,
            "/v1/groups/shop/runs", otto, new StartRunRequest { Kind = RunKind.TestFailover });
    }

    [Fact]
    public async Task A_token_with_fewer_rights_than_its_user_does_no_more_than_those_let()
    {
        await using var site = await StartAsync("\"lifeboat:tenants:create_tenant\": role:admin\n");
        using var http = new TokenHttp(site);
        var user = new StoredUser("", "root", [Role.Admin], [], [], DateTimeOffset.UnixEpoch);
        site.Services.GetRequiredService<UserStore>().TryAdd(user, null);
        var tokens = site.Services.GetRequiredService<ApiTokens>();
        var less = tokens.Make(user, new CreateApiTokenRequest { Rights = [Right.View] }, "test").Token;
        var full = tokens.Make(user, new CreateApiTokenRequest(), "test").Token;
        await http.RefusedAsync(HttpStatusCode.Forbidden, ReasonCode.NotAllowed, HttpMethod.Post, "/v1/tenants", less,
            new CreateTenantRequest { Name = "acme" });
        var verdict = Assert.Single(await site.Client.CheckAccessAsync(
            new AccessCheckRequest { Operation = "create_tenant", Token = less }, Ct));
        Assert.False(verdict.Allowed);
        Assert.Contains("fewer rights", verdict.Refused);
        await http.AskAsync<TenantInfo>(HttpMethod.Post, "/v1/tenants", full,
            new CreateTenantRequest { Name = "acme" });
    }

    [Fact]
    public async Task A_file_with_faults_is_refused_at_the_start_and_else_leaves_what_held()
    {
        const string faulty = """
            # comment
            "lifeboat:runs:start_rum": "@"
            "lifeboat:groups:groups": "role:reader or  (colour:red
              and role:x)"
            lifeboat:users:users: !
            a: rule:b
            b: rule:a
            c: rule:nobody
            d:
            """;
        var refused = await Assert.ThrowsAsync<ProblemException>(() => StartAsync(faulty));
        var errors = string.Join("\n", refused.Errors!);
        Assert.Contains(":2:1: there is no operation lifeboat:runs:start_rum; did you mean lifeboat:runs:start_run?",
            errors);
        Assert.Contains(":3:45: lifeboat:groups:groups: a caller has no 'colour'", errors);
        Assert.Contains(":5:23: lifeboat:users:users: YAML takes an exclamation mark", errors);
        Assert.Contains(":6:1: a comes back to itself: a → b → a", errors);
        Assert.Contains(":8:4: c: there is no rule nobody", errors);
        Assert.Contains("d: the rule is missing", errors);
        Assert.Equal(7, refused.Errors!.Count);

        await using var site = await StartAsync("\"lifeboat:tenants:tenants\": \"!\"\n");
        using var http = new TokenHttp(site);
        var all = await http.UserAsync("all", null, [.. RoleRights.All]);
        Task StillRefusedAsync() => http.RefusedAsync(HttpStatusCode.Forbidden, ReasonCode.NotAllowed, HttpMethod.Get,
            "/v1/tenants", all);
        await StillRefusedAsync();
        foreach (var wrong in new[] { faulty, "- a\n", "a: [\n", null })
        {
            await WriteAsync(site, wrong);
            await StillRefusedAsync();
            Assert.NotEmpty((await site.Client.AccessRulesAsync(Ct)).Faults);
        }
        await UntilAlertAsync(site, open: true);
        await WriteAsync(site, "\"lifeboat:tenants:tenants\": \"rights:view\"\n");
        await http.AskAsync<List<TenantInfo>>(HttpMethod.Get, "/v1/tenants", all);
        Assert.Empty((await site.Client.AccessRulesAsync(Ct)).Faults);
        await UntilAlertAsync(site, open: false);
    }

    [Fact]
    public async Task A_check_says_which_rule_decided()
    {
        await using var site = await StartAsync("ops: [[role:dr, 'rights:view'], '@']\n"
            + "\"lifeboat:runs:runs\": rule:ops and not role:guest\n");
        var asked = new AccessCheckRequest { Operation = "GET /v1/runs", Caller = new AccessCaller
        {
            Roles = ["Reader", "guest"], Tenant = "acme",
        } };
        var verdict = Assert.Single(await site.Client.CheckAccessAsync(asked, Ct));
        Assert.False(verdict.Allowed);
        Assert.EndsWith("policy.yaml:2:23", verdict.From);
        Assert.Equal([("role:dr", false), ("@", true), ("rule:ops", true), ("role:guest", true)],
            verdict.Checks.Select(c => (c.Check, c.Holds)));
        var root = asked with { Operation = "create_tenant", Caller = new AccessCaller { Roles = ["admin"] } };
        Assert.True(Assert.Single(await site.Client.CheckAccessAsync(root, Ct)).Allowed);
        var boss = root with { Caller = new AccessCaller { Roles = ["admin"], Rights = [Right.Administer],
            Tenant = "acme" } };
        Assert.Contains("no rule changes that", Assert.Single(await site.Client.CheckAccessAsync(boss, Ct)).Refused);
        using var http = new TokenHttp(site);
        var token = asked with { Operation = null, Caller = null, Token = await http.UserAsync("v", null, Right.View) };
        var all = await site.Client.CheckAccessAsync(token, Ct);
        Assert.True(all.Single(v => v.Rule == "lifeboat:groups:groups").Allowed);
        Assert.False(all.Single(v => v.Rule == "lifeboat:users:users").Allowed);
        Assert.Equal(ReasonCode.InvalidRequest, (await Assert.ThrowsAsync<ProblemException>(
            () => site.Client.CheckAccessAsync(asked with { Operation = "start_rum" }, Ct))).Reason);
    }

    [Fact]
    public async Task The_defaults_are_a_file_themselves()
    {
        var rules = await ControllerDescription.AccessRulesAsync();
        Assert.All(rules.Rules, r => Assert.NotEmpty(r.Description));
        await using var site = await StartAsync(
            string.Concat(rules.Rules.Select(r => $"\"{r.Name}\": \"{r.Rule}\"\n")));
        Assert.All((await site.Client.AccessRulesAsync(Ct)).Rules, r => Assert.Equal(r.Default, r.Rule));
    }

    private static Task<TestSite> StartAsync(string rules) =>
        TestSite.StartAsync("a", new AgentNetwork(), found: p => UseRules(p, rules));

    private static void UseRules(SitePaths paths, string rules)
    {
        var site = JsonNode.Parse(File.ReadAllText(paths.Configuration))!;
        site["accessRules"] = "policy.yaml";
        File.WriteAllText(paths.Configuration, site.ToJsonString());
        File.WriteAllText(Path.Combine(paths.Root, "policy.yaml"), rules);
    }

    // As an operator does it; the controller looks at most once a second whether the file is another.
    private static async Task WriteAsync(TestSite site, string? rules)
    {
        var file = Path.Combine(site.Paths.Root, "policy.yaml");
        if (rules is null) File.Delete(file);
        else await File.WriteAllTextAsync(file, rules, Ct);
        await Task.Delay(TimeSpan.FromSeconds(1.1), Ct);
    }

    private static List<(ApiOperation Operation, string Path)> Operations(TestSite site) =>
    [
        .. from endpoint in site.Endpoints.OfType<RouteEndpoint>()
           let operation = endpoint.Metadata.GetMetadata<ApiOperation>()
           where operation is not null && endpoint.Metadata.GetMetadata<EndpointRights>() is { IsOpen: false }
           select (operation, WalkedEndpoint.Filled(endpoint.RoutePattern)),
    ];

    private static async Task RefusedAsync(TokenHttp http, ApiOperation operation, string path, string token,
        string says)
    {
        using var body = operation.Method is "GET" or "DELETE" ? null
            : new StringContent("{}", Encoding.UTF8, "application/json");
        using var answer = await http.SendAsync(new HttpMethod(operation.Method), path, token, body);
        var text = await answer.Content.ReadAsStringAsync(Ct);
        Assert.True(answer.StatusCode is HttpStatusCode.Forbidden && text.Contains(says, StringComparison.Ordinal),
            $"{operation.Key} ({path}): {text}");
    }

    private static async Task<string> RoleAsync(TokenHttp http, TestSite site, string name, Role role)
    {
        var token = await http.UserAsync(name, null);
        await site.Client.GrantAsync(name, new RightsRequest { Roles = [role] }, Ct);
        return token;
    }

    private static async Task UntilAlertAsync(TestSite site, bool open)
    {
        for (var i = 0; i < 300; i++)
        {
            var alerts = await site.Client.AlertsAsync(false, null, Ct);
            if (alerts.Any(a => a.Kind is AlertKind.AccessRulesFaulty) == open) return;
            await Task.Delay(100, Ct);
        }
        Assert.Fail($"no alert was {(open ? "raised" : "closed")}");
    }
}
