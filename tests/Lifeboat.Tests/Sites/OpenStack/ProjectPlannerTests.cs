// SPDX-License-Identifier: Apache-2.0
using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using Lifeboat.Contracts.Sites;
using Lifeboat.Sites;
using Lifeboat.Sites.OpenStack;
using Lifeboat.Sites.OpenStack.Clouds;
using Lifeboat.Sites.OpenStack.Http;
using Lifeboat.Sites.OpenStack.Mapping;
using Lifeboat.Sites.OpenStack.Projects;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging.Abstractions;

namespace Lifeboat.Tests.Sites.OpenStack;

/// <summary>Who gets what in a project, and how it is made, with answers that a real Keystone gives seldom.</summary>
public sealed class ProjectPlannerTests : IAsyncLifetime
{
    private const string Found = "GET /v3/projects";
    private FakeCloud _cloud = null!;
    // By `users/NAME`, `groups/NAME`, `domains/NAME`.
    private readonly ConcurrentDictionary<string, string> _there = new(StringComparer.Ordinal);
    private readonly ConcurrentQueue<string> _granted = [];
    private readonly ConcurrentQueue<string> _assigned = [];
    private string? _project;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _cloud = await FakeCloud.StartAsync();
        _there["domains/Default"] = "default";
        _there["users/lifeboat"] = "u-lifeboat";
        foreach (var kind in new[] { "users", "groups", "domains" }) _cloud.On($"GET /v3/{kind}", NamedAsync(kind));
        _cloud.On("GET /v3/roles", FakeCloud.Json("""
            {"roles": [{"id": "r-member", "name": "member"}, {"id": "r-admin", "name": "admin"},
              {"id": "r-boss", "name": "boss"}, {"id": "r-reader", "name": "reader"},
              {"id": "r-own", "name": "own", "domain_id": "d1"}], "links": {"next": null}}
            """));
        _cloud.On("GET /v3/role_inferences", FakeCloud.Json("""
            {"role_inferences": [{"prior_role": {"id": "r-boss", "name": "boss"},
              "implies": [{"id": "r-admin", "name": "admin"}]}, {"prior_role": {"id": "r-admin", "name": "admin"},
              "implies": [{"id": "r-member", "name": "member"}]}], "links": {}}
            """));
        _cloud.On(Found, c => FakeCloud.Json($$"""{"projects": [{{_project}}], "links": {} }""")(c));
        _cloud.On("GET /v3/role_assignments", c => FakeCloud.Json($$"""
            {"role_assignments": [{{string.Join(',', c.Request.Query.ContainsKey("effective") ? [] : _assigned)}}],
             "links": {} }
            """)(c));
        const string nova = """{"quota_set": {"id": "x", "cores": {"limit": 20, "in_use": 0, "reserved": 0}}}""";
        _cloud.On($"GET /compute/v2.1/os-quota-sets/{FakeCloud.Project}/defaults", FakeCloud.Json(nova));
        _cloud.On("GET /compute/v2.1/os-quota-sets/p1/detail", FakeCloud.Json(nova));
        foreach (var project in new[] { $"{FakeCloud.Project}/defaults", "p1" })
            _cloud.On($"GET /volume/v3/{FakeCloud.Project}/os-quota-sets/{project}",
                FakeCloud.Json("""{"quota_set": {"id": "x", "volumes": 10}}"""));
        foreach (var path in new[] { $"{FakeCloud.Project}/default", "p1/details" })
            _cloud.On($"GET /network/v2.0/quotas/{path}", FakeCloud.Json("""{"quota": {"router": 10}}"""));
        foreach (var user in new[] { "lifeboat", "alice", "boss" })
            foreach (var role in new[] { "member", "admin" })
                _cloud.On($"PUT /v3/projects/p1/users/u-{user}/roles/r-{role}", context =>
                {
                    _granted.Enqueue($"{user}: {role}");
                    context.Response.StatusCode = 204;
                    return Task.CompletedTask;
                });
    }

    public ValueTask DisposeAsync() => _cloud.DisposeAsync();

    [Fact]
    public async Task All_that_is_not_here_is_told_at_once_and_the_sites_own_login_with_it()
    {
        _there.Clear();
        _there["domains/Default"] = "default";
        var plan = await PlanAsync(
        [
            new ProjectGrant("member", GranteeKind.User, "alice", "Default"),
            new ProjectGrant("member", GranteeKind.User, "bob", "Default"),
            new ProjectGrant("member", GranteeKind.User, "carl", "corp"),
            new ProjectGrant("own", GranteeKind.Group, "devs", "Default"),
        ]);
        Assert.Equal(
        [
            "group devs of Default: role 'own' is not here: make it, say which one it is (options.map.roles), or null "
                + "there to leave it out",
            "user alice of Default, user bob of Default: there is no user of that name in domain 'Default' here: make "
                + "it, say which one it is (options.map.users), or null there to leave it out",
            "user carl of corp: domain 'corp' is not here: say which one it is (options.map.domains)",
            "group devs of Default: there is no group of that name in domain 'Default' here: make it, say which one it "
                + "is (options.map.groups), or null there to leave it out",
            "user lifeboat: as whom this site works (options.cloud 'fake'), is not here: make it, with the password of "
                + "clouds.yaml",
        ], plan.Gaps.OrderBy(g => g.Contains("own") ? 0 : g.Contains("bob") ? 1 : g.Contains("carl") ? 2
            : g.Contains("devs") ? 3 : 4));
        Assert.DoesNotContain(_cloud.Requests, r => r.What.StartsWith("PUT", StringComparison.Ordinal)
            || r.What == "POST /v3/projects");
    }

    [Theory]
    [InlineData("admin")]
    [InlineData("boss")] // brings admin along
    public async Task A_role_that_rules_the_cloud_is_given_only_when_it_is_said(string role)
    {
        _there["users/alice"] = "u-alice";
        ProjectGrant[] grants = [new(role, GranteeKind.User, "alice", "Default")];
        var plan = await PlanAsync(grants);
        Assert.Contains("rules more than a project", Assert.Single(plan.Gaps));
        Assert.DoesNotContain(plan.Changes, c => c.What.Contains("alice", StringComparison.Ordinal));
        var less = await PlanAsync(grants, Roles(role, "member"));
        Assert.Equal("member", less.Changes.Single(c => c.What.Contains("alice", StringComparison.Ordinal)).To);
        var same = await PlanAsync(grants, Roles(role, role));
        Assert.Equal(role, same.Changes.Single(c => c.What.Contains("alice", StringComparison.Ordinal)).To);
        var none = await PlanAsync(grants, Roles(role, null));
        Assert.Empty(none.Gaps);
        Assert.Contains("is left out", Assert.Single(none.Notes));
    }

    [Fact]
    public async Task Users_and_domains_are_who_the_operator_says()
    {
        _there["domains/people"] = "d-people";
        _there["users/alice"] = "u-alice";
        _there["users/al/ice"] = "u-slash";
        var plan = await PlanAsync(
        [
            new ProjectGrant("member", GranteeKind.User, "alice", "corp"),
            new ProjectGrant("reader", GranteeKind.User, "bob", "corp"),
            new ProjectGrant("reader", GranteeKind.User, "bob", "else"),
            new ProjectGrant("reader", GranteeKind.User, "carl", "corp"),
        ], new RecoveryMap
        {
            Domains = new Dictionary<string, string> { ["corp"] = "people" },
            Users = new Dictionary<string, string?>
            {
                ["corp/bob"] = "Default/al/ice", ["else/bob"] = null, ["carl"] = "alice",
            },
        });
        Assert.Empty(plan.Gaps);
        Assert.Equal(
        [
            ("user alice of people (there: alice of corp)", "member"),
            ("user al/ice of Default (there: bob of corp)", "reader"),
            ("user alice of people (there: carl of corp)", "reader"),
        ], plan.Changes.Where(c => c.Kind is ProjectChangeKind.Role && c.What.Contains("there"))
            .Select(c => (c.What, c.To)));
    }

    [Fact]
    public async Task A_lost_answer_makes_one_project_and_one_that_was_cut_short_is_gone_on_with()
    {
        _cloud.On("POST /v3/projects", context =>
        {
            // Written down, and then the connection ends.
            _project = Json("(being made by Lifeboat)");
            return FakeCloud.ResetAsync(context);
        });
        _cloud.On("PATCH /v3/projects/p1", FakeCloud.Json("""{"error": {"code": 503, "message": "down"}}""", 503),
            async context =>
            {
                var body = await JsonNode.ParseAsync(context.Request.Body, cancellationToken: Ct);
                _project = Json(body!["project"]!["description"]!.GetValue<string>());
                await FakeCloud.Json($$"""{"project": {{_project}} }""")(context);
            });
        using var session = _cloud.Session();
        var builder = new ProjectBuilder(session, TimeProvider.System, NullLogger<ProjectBuilder>.Instance);
        await Assert.ThrowsAsync<CloudException>(async () =>
            await builder.MakeAsync(await DraftAsync(session, [], new RecoveryMap()), Ct));
        Assert.Single(_cloud.Asked("POST /v3/projects"));
        Assert.Equal(["lifeboat: member"], _granted);

        var draft = await DraftAsync(session, [], new RecoveryMap());
        Assert.Equal(ProjectState.Begun, draft.Plan.State);
        await builder.MakeAsync(draft, Ct);
        Assert.Single(_cloud.Asked("POST /v3/projects"));
        Assert.Contains("(made by Lifeboat)", _project);
        Assert.Equal(ProjectState.Made, (await DraftAsync(session, [], new RecoveryMap())).Plan.State);
    }

    [Fact]
    public async Task One_that_somebody_makes_at_that_moment_is_left_alone()
    {
        using var session = _cloud.Session();
        var draft = await DraftAsync(session, [], new RecoveryMap());
        _project = Json("the accountants'");
        var refused = await Assert.ThrowsAsync<CloudException>(() => new ProjectBuilder(session, TimeProvider.System,
            NullLogger<ProjectBuilder>.Instance).MakeAsync(draft, Ct));
        Assert.Equal(CloudFault.Conflict, refused.Fault);
        Assert.Empty(_granted);
    }

    [Fact]
    public async Task A_description_of_a_later_release_is_refused()
    {
        using var session = _cloud.Session();
        var refused = await Assert.ThrowsAsync<SiteException>(() => DraftAsync(session, [], new RecoveryMap(),
            ProjectDescription.CurrentFormat + 1));
        Assert.Contains("upgrade", refused.Message);
    }

    private async Task<ProjectPlan> PlanAsync(IReadOnlyList<ProjectGrant> grants, RecoveryMap? told = null)
    {
        using var session = _cloud.Session();
        return (await DraftAsync(session, grants, told ?? new RecoveryMap())).Plan;
    }

    private Task<ProjectDraft> DraftAsync(CloudSession session, IReadOnlyList<ProjectGrant> grants, RecoveryMap told,
        int format = ProjectDescription.CurrentFormat)
    {
        var domain = new CloudDomain(null, "Default");
        var login = _cloud.Settings with
        {
            Auth = CloudAuth.Password, Credential = null, User = new CloudUser(null, "lifeboat", domain),
            Password = "secret", Project = new CloudProject(null, "shop", domain),
        };
        return new ProjectPlanner(session, session, login, OpenStackSiteOptions.Default with { Map = told },
            (_, _) => Task.FromResult(new ServerNeeds(QuotaNeeds.None, [], t => t))).DraftAsync(new ProjectDescription
            {
                Format = format, Name = "shop", Domain = "Default", Grants = grants,
            }, Ct);
    }

    private RequestDelegate NamedAsync(string kind) => context =>
    {
        var name = context.Request.Query["name"].ToString();
        var found = _there.TryGetValue($"{kind}/{name}", out var id)
            ? $$"""{"id": "{{id}}", "name": "{{name}}"}""" : "";
        return FakeCloud.Json($$"""{"{{kind}}": [{{found}}], "links": {} }""")(context);
    };

    private static string Json(string description) => $$"""
        {"id": "p1", "name": "shop", "domain_id": "default", "enabled": true, "description": "{{description}}"}
        """;

    private static RecoveryMap Roles(string from, string? to) =>
        new() { Roles = new Dictionary<string, string?> { [from] = to } };
}
