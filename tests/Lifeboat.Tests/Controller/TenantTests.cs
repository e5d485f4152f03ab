// SPDX-License-Identifier: Apache-2.0
using System.Net;
using System.Text;
using System.Text.RegularExpressions;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Api;
using Lifeboat.Contracts.Sites;
using Lifeboat.Controller.Access;
using Lifeboat.Controller.Storage;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;
using Lifeboat.Protection.Plans;
using Lifeboat.Recovery.Runs;
using Lifeboat.Tests.Recovery;
using Microsoft.AspNetCore.Http.Metadata;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using static Lifeboat.Tests.Controller.TwoSites;

namespace Lifeboat.Tests.Controller;

/// <summary>Tenants see nothing of each other, and no more than they may have.</summary>
public sealed partial class TenantTests(ITestOutputHelper output)
{
    private static readonly HttpMethod Get = HttpMethod.Get, Post = HttpMethod.Post;
    private static readonly Right[] All =
    [
        Right.View, Right.Change, Right.Suspend, Right.Drill, Right.Failover, Right.Commit, Right.Administer,
        Right.Audit,
    ];

    [Fact]
    public async Task Every_endpoint_answers_for_what_is_another_tenants_as_for_what_is_not_there()
    {
        await using var sites = await TwoSites.StartAsync();
        using var http = new TokenHttp(sites.A);
        var (run, token) = await AcmeAsync(sites, http);
        var beta = await http.UserAsync("bob", "beta", All);
        var (walked, atSite) = (0, 0);
        var faults = new List<string>();
        foreach (var endpoint in sites.A.Endpoints.OfType<RouteEndpoint>())
        {
            var route = endpoint.RoutePattern;
            if (route.RawText!.StartsWith("/peer/") || route.RawText.StartsWith("/pair") || !route.Parameters.Any()
                || route.RawText.Contains("{*path}") || route.RawText.Contains("{peer}")) continue;
            var takesBody = endpoint.Metadata.GetMetadata<IAcceptsMetadata>() is not null;
            var method = new HttpMethod(endpoint.Metadata.GetMetadata<HttpMethodMetadata>()!.HttpMethods[0]);
            string Path(string group, Guid id, string instance, string user, string tokenId, string tenant) =>
                string.Join('/', route.RawText.Split('/').Select(s => s switch
                {
                    "{group}" => group,
                    "{application}" => group,
                    "{run:guid}" => id.ToString(),
                    "{name}" or "{instance}" => instance,
                    "{user}" => user,
                    "{token}" => tokenId,
                    "{tenant}" => tenant,
                    _ when s.StartsWith('{') => s.Contains(":guid") ? Guid.Empty.ToString() : "some",
                    _ => s,
                }));
            var missing = Guid.NewGuid();
            var (theirs, theirsText) = await AskAsync(Path("acme_shop", run, "db1", "anna", token, "acme"));
            var (none, noneText) = await AskAsync(Path("acme_none", missing, "none", "none", "none", "none"));
            // Ids last: three hexadecimal digits of one may read as a name.
            var same = theirsText.Replace(run.ToString(), "\u0001").Replace("acme_shop", "acme_none")
                .Replace("db1", "none").Replace("anna", "none").Replace(token, "none")
                .Replace("tenant acme", "tenant none").Replace("\u0001", missing.ToString());
            if (theirs is HttpStatusCode.Forbidden && endpoint.Metadata.GetMetadata<EndpointRights>()!.OfSite) atSite++;
            else if ((int)theirs is 404 or 400 && none == theirs && same == noneText) walked++;
            else faults.Add($"{method} {route.RawText}: {(int)theirs} {theirsText} but {(int)none} {noneText}");

            async Task<(HttpStatusCode, string)> AskAsync(string path)
            {
                using var content = takesBody ? new StringContent("{}", Encoding.UTF8, "application/json") : null;
                using var answer = await http.SendAsync(method, path, beta, content);
                var text = await answer.Content.ReadAsStringAsync(Ct);
                return (answer.StatusCode, RequestId().Replace(text, ""));
            }
        }
        output.WriteLine($"{walked} endpoints answered as if it were not there, {atSite} are the site's alone");
        Assert.True(faults.Count == 0, string.Join("\n", faults));
        Assert.True(walked > 30, $"only {walked} endpoints were walked");
    }

    [Fact]
    public async Task No_list_shows_what_is_another_tenants()
    {
        await using var sites = await TwoSites.StartAsync();
        using var http = new TokenHttp(sites.A);
        await AcmeAsync(sites, http);
        var beta = await http.UserAsync("bob", "beta", All);
        var lists = 0;
        foreach (var endpoint in sites.A.Endpoints.OfType<RouteEndpoint>().Where(e => !e.RoutePattern.Parameters.Any()
            && e.Metadata.GetMetadata<HttpMethodMetadata>()?.HttpMethods.Contains("GET") == true
            && !e.RoutePattern.RawText!.StartsWith("/p")
            && e.Metadata.GetMetadata<EndpointRights>() is { OfSite: false, IsOpen: false }
            && !e.RoutePattern.RawText!.EndsWith("/stream")))
        {
            var path = endpoint.RoutePattern.RawText!;
            var text = await http.AskAsync<string>(Get, path, beta);
            foreach (var theirs in new[] { "acme", "shop", "db1", "anna" })
                // Fingerprints and ids are of hexadecimal digits, and `db1` is three of them.
                Assert.False(Regex.IsMatch(text, $"(?<![0-9a-f]){theirs}(?![0-9a-f])"), $"{path}: {text}");
            lists++;
        }
        output.WriteLine($"{lists} lists");
        Assert.True(lists >= 8);
        // The site's own users see all, or one tenant's when they ask so.
        var root = await http.UserAsync("root", null, [.. RoleRights.All]);
        Assert.Equal("acme", Assert.Single(await http.AskAsync<List<GroupInfo>>(Get, "/v1/groups", root)).Tenant);
        Assert.Empty(await http.AskAsync<List<GroupInfo>>(Get, "/v1/groups?tenant=beta", root));
        Assert.Single(await http.AskAsync<List<GroupInfo>>(Get, "/v1/groups?tenant=acme", root));
        await http.RefusedAsync(HttpStatusCode.NotFound, ReasonCode.TenantUnknown, Get, "/v1/groups?tenant=acme", beta);
        await http.RefusedAsync(HttpStatusCode.NotFound, ReasonCode.TenantUnknown, Get, "/v1/groups?tenant=none", root);
    }

    [Fact]
    public async Task A_tenant_protects_what_it_was_given_under_names_of_its_own()
    {
        await using var sites = await TwoSites.StartAsync();
        using var http = new TokenHttp(sites.A);
        await AcmeAsync(sites, http);
        var beta = await http.UserAsync("bob", "beta", Right.View, Right.Change);
        // An earlier instance of the name was a tenant's that nobody took it from; this one is nobody's.
        sites.A.Services.GetRequiredService<InstanceTenants>().Give("db2", "gone");
        await sites.A.Client.AdoptAsync(new AdoptRequest("db2", sites.A.RunGuest("db2", "vda"), null), Ct);
        Assert.Null(sites.A.Services.GetRequiredService<InstanceTenants>().TenantOf("db2"));
        var shop = Request() with { Members = [new MemberRequest("db2")], Checks = [] };
        // Another's and nobody's are both not there for it.
        foreach (var instance in new[] { "db1", "db2", "db3" })
            await http.RefusedAsync(HttpStatusCode.NotFound, ReasonCode.InstanceUnknown, Post, "/v1/groups", beta,
                shop with { Members = [new MemberRequest(instance)] });
        await sites.A.Client.GiveInstanceAsync("db2", new GiveInstanceRequest("beta"), Ct);
        await http.RefusedAsync(HttpStatusCode.Forbidden, ReasonCode.NotAllowed, Post, "/v1/groups", beta, shop with
        {
            Members =
            [
                new MemberRequest("db2", TargetDisks: new Dictionary<string, string> { ["vda"] = "/etc/shadow" }),
            ],
        });
        await http.RefusedAsync(HttpStatusCode.BadRequest, ReasonCode.InvalidRequest, Post, "/v1/groups", beta,
            shop with { Name = "acme_shop2" });
        var made = await http.AskAsync<GroupInfo>(Post, "/v1/groups", beta, shop);
        Assert.Equal(("beta_shop", "beta"), (made.Definition.Name, made.Tenant));
        var seen = await http.AskAsync<GroupInfo>(Get, "/v1/groups/shop", beta);
        Assert.Equal("db2", seen.Definition.Members[0].Instance);
        await http.AskAsync<GroupInfo>(Get, "/v1/groups/beta_shop", beta);
        var both = (await sites.A.Client.GroupsAsync(Ct)).Select(g => g.Definition.Name).Order();
        Assert.Equal(["acme_shop", "beta_shop"], both);
        Assert.Equal(["acme_erp"], (await sites.A.Client.ApplicationsAsync(Ct)).Select(a => a.Name));
        // The other site knows it under the same name.
        await UntilAsync(sites.B, "beta_shop", GroupState.Protected);
        Assert.Equal("beta_shop", sites.A.Agent.SourceSpec("beta_shop")!.Group);
    }

    [Fact]
    public async Task A_tenant_has_no_more_than_its_limits_and_its_cap_reaches_the_agents()
    {
        await using var sites = await TwoSites.StartAsync();
        using var http = new TokenHttp(sites.A);
        await AcmeAsync(sites, http);
        var client = sites.A.Client;
        await client.ChangeTenantAsync("acme", new TenantChange { GroupsMax = 1, ShipCap = "20Mbit" }, Ct);
        Assert.Equal("20Mbit", (await client.LinkAsync("b", Ct)).Settings.TenantCaps["acme"]);
        await client.ChangeLinkAsync("b", new LinkChange { Cap = "100Mbit" }, Ct);
        var link = (await client.LinkAsync("b", Ct)).Settings;
        Assert.Equal(("100Mbit", "20Mbit"), (link.Cap, link.TenantCaps["acme"]));
        await client.AdoptAsync(new AdoptRequest("db2", sites.A.RunGuest("db2", "vda"), null), Ct);
        var second = Request() with { Name = "acme_two", Members = [new MemberRequest("db2")], Checks = [] };
        var refused = await RefusedAsync(ReasonCode.QuotaExceeded, () => client.CreateGroupAsync(second, Ct));
        Assert.Single(refused.Errors!);
        await client.ChangeTenantAsync("acme", new TenantChange { ProtectedBytesMax = 20 << 20 }, Ct);
        refused = await RefusedAsync(ReasonCode.QuotaExceeded, () => client.CreateGroupAsync(second, Ct));
        Assert.Equal(2, refused.Errors!.Count);
        await client.ChangeTenantAsync("acme",
            new TenantChange { GroupsMax = 2, ProtectedBytesMax = 24 << 20, ShipCap = "none" }, Ct);
        await client.CreateGroupAsync(second, Ct);
        var tenant = await client.TenantAsync("acme", Ct);
        Assert.Equal((2, 24L << 20), (tenant.Groups, tenant.ProtectedBytes));
        Assert.Empty((await client.LinkAsync("b", Ct)).Settings.TenantCaps);
        var faults = await RefusedAsync(ReasonCode.InvalidRequest, () => client.CreateTenantAsync(new()
        {
            Name = "A B", Limits = new TenantLimits { GroupsMax = -1, ProtectedBytesMax = -2, ShipCap = "fast" },
        }, Ct));
        Assert.Equal(4, faults.Errors!.Count);
        var left = await RefusedAsync(ReasonCode.Conflict, () => client.DeleteTenantAsync("acme", Ct));
        Assert.Equal(3, left.Errors!.Count);
    }

    [Fact]
    public async Task A_move_waits_for_a_second_person_where_the_tenant_wants_it()
    {
        await using var sites = await TwoSites.StartAsync();
        using var http = new TokenHttp(sites.B);
        using (var a = new TokenHttp(sites.A)) await AcmeAsync(sites, a);
        await sites.B.Client.CreateTenantAsync(
            new() { Name = "acme", Limits = new TenantLimits { FourEyes = true } }, Ct);
        await UntilAsync(sites.B, "acme_shop", GroupState.Protected);
        var anna = await http.UserAsync("anna", "acme", Right.View, Right.Failover, Right.Drill);
        var bert = await http.UserAsync("bert", "acme", Right.View, Right.Failover);
        var carl = await http.UserAsync("carl", "acme", Right.View, Right.Drill);
        var failover = new StartRunRequest { Kind = RunKind.Failover, SourceIsDead = true };

        var first = await http.AskAsync<RunInfo>(Post, "/v1/groups/shop/runs", anna, failover);
        Assert.Equal((RunState.WaitingApproval, "acme/anna"), (first.State, first.RequestedBy));
        await http.RefusedAsync(HttpStatusCode.Forbidden, ReasonCode.NotAllowed, Post, $"/v1/runs/{first.Id}/approve",
            anna);
        await http.RefusedAsync(HttpStatusCode.Forbidden, ReasonCode.NotAllowed, Post, $"/v1/runs/{first.Id}/approve",
            carl);
        // A controller that starts again does not take it for approved.
        await sites.B.StopControllerAsync();
        await sites.B.StartControllerAsync();
        Assert.Equal(RunState.WaitingApproval, (await sites.B.Client.RunAsync(first.Id, Ct)).State);
        await UntilAsync(sites.B, "acme_shop", GroupState.Protected);
        await http.AskAsync<RunInfo>(Post, $"/v1/runs/{first.Id}/cancel", bert);
        var ended = await UntilOverAsync(sites.B, first.Id);
        Assert.Equal(RunState.Cancelled, ended.State);
        Assert.All(ended.Steps, s => Assert.Equal(0, s.Attempts));
        await http.RefusedAsync(HttpStatusCode.Conflict, ReasonCode.WrongState, Post, $"/v1/runs/{first.Id}/approve",
            bert);

        await sites.LoseAAsync();
        var second = await http.AskAsync<RunInfo>(Post, "/v1/groups/shop/runs", anna, failover);
        await http.AskAsync<RunInfo>(Post, $"/v1/runs/{second.Id}/approve", bert);
        ended = await UntilOverAsync(sites.B, second.Id);
        Assert.Equal((RunState.Succeeded, "acme/bert"), (ended.State, ended.ApprovedBy));
        var report = (await http.AskAsync<RunReport>(Get, $"/v1/runs/{second.Id}/report", carl)).Read();
        Assert.Equal(("acme/anna", "acme/bert"), (report.RequestedBy, report.ApprovedBy));
        Assert.Contains("approved by acme/bert", await http.AskAsync<string>(Get,
            $"/v1/runs/{second.Id}/report.html", carl), StringComparison.Ordinal);
        await sites.BringABackAsync();
    }

    [Theory]
    [InlineData("shop", true, "default")]
    [InlineData("acme_shop", true, "acme")]
    [InlineData("default_shop", false, "default")]
    [InlineData("acme_shop_x", false, "acme")]
    [InlineData("_shop", false, "default")]
    [InlineData("acme_", false, "acme")]
    [InlineData("Acme_shop", false, "Acme")]
    [InlineData("shop\n", false, "default")]
    public void A_full_name_says_whose_it_is(string name, bool valid, string tenant)
    {
        Assert.Equal(valid, GroupName.IsValid(name));
        Assert.Equal(tenant, GroupName.TenantOf(name));
        if (valid) Assert.Equal(name, GroupName.Within(tenant, name));
        Assert.Null(GroupName.Within("other", "acme_shop"));
    }

    // Every request has its own.
    [GeneratedRegex("\"requestId\":\"[^\"]*\"")]
    private static partial Regex RequestId();

    // A tenant with a group of an application, a user, a token and a run; and another one with nothing.
    private static async Task<(Guid Run, string Token)> AcmeAsync(TwoSites sites, TokenHttp http)
    {
        var client = sites.A.Client;
        foreach (var name in new[] { "acme", "beta" }) await client.CreateTenantAsync(new() { Name = name }, Ct);
        await client.AdoptAsync(new AdoptRequest("db1", sites.A.RunGuest("db1", "vda", "vdb"), "/db1/qga.sock"), Ct);
        await client.GiveInstanceAsync("db1", new GiveInstanceRequest("acme"), Ct);
        var anna = await http.UserAsync("anna", "acme", Right.View, Right.Change);
        await http.AskAsync<GroupInfo>(Post, "/v1/groups", anna, Request() with { Application = "erp" });
        var run = new Run
        {
            Id = Guid.NewGuid(),
            Group = "acme_shop",
            Kind = RunKind.TestFailover,
            Site = "a",
            State = RunState.Succeeded,
            Input = RunInput.None,
            Before = RecoveryWorld.Definition with { Name = "acme_shop" },
            CreatedAt = DateTimeOffset.UnixEpoch,
            FinishedAt = DateTimeOffset.UnixEpoch,
            Versions = [],
            Steps = [],
        };
        await sites.A.Services.GetRequiredService<IRunStore>().TryAddAsync(run, Ct);
        await client.PutPricesAsync(new PriceBook { Currency = "EUR" }, Ct);
        return (run.Id, anna.Split('.')[1]);
    }

    private static async Task UntilAsync(TestSite at, string group, GroupState state)
    {
        for (var tries = 0; ; tries++)
        {
            var now = (await at.Client.GroupsAsync(Ct)).FirstOrDefault(g => g.Definition.Name == group)?.State;
            if (now == state) return;
            Assert.True(tries < 200, $"{group} at {at.Name}: still {now}");
            await Task.Delay(100, Ct);
        }
    }

    private static async Task<RunInfo> UntilOverAsync(TestSite at, Guid run)
    {
        RunInfo? last = null;
        await foreach (var change in at.Client.WatchRunAsync(run, Ct)) last = change;
        return last!;
    }
}
