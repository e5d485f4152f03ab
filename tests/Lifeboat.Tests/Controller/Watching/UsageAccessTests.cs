// SPDX-License-Identifier: Apache-2.0
using System.Net;
using System.Text.Json;
using Lifeboat.Contracts.Agents;
using Lifeboat.Contracts.Api;
using Lifeboat.Controller.Access;
using Lifeboat.Controller.Usage;
using Lifeboat.Protection;
using Lifeboat.Protection.Plans;
using Lifeboat.Tests.Controller.Alerts;
using Microsoft.Extensions.DependencyInjection;
using static Lifeboat.Tests.Controller.TwoSites;

namespace Lifeboat.Tests.Controller.Watching;

/// <summary>Who sees whose usage, and who says what it costs.</summary>
public sealed class UsageAccessTests
{
    private static readonly HttpMethod Get = HttpMethod.Get, Put = HttpMethod.Put;

    [Fact]
    public async Task A_tenant_sees_its_own_usage_at_the_prices_that_the_site_sets()
    {
        await using var sites = await TwoSites.StartAsync(paired: false);
        using var http = new TokenHttp(sites.A);
        foreach (var name in new[] { "acme", "beta" })
            await sites.A.Client.CreateTenantAsync(new() { Name = name }, Ct);
        await UseAsync(sites.A.Services.GetRequiredService<UsageLedger>(), "acme_shop", "beta_shop");
        var bob = await http.UserAsync("bob", "beta", Right.View, Right.Change, Right.Administer);
        var root = await http.UserAsync("root", null, [.. RoleRights.All]);
        var reader = await http.UserAsync("rita", null, Right.View);
        await http.RefusedAsync(HttpStatusCode.NotFound, ReasonCode.PricesUnknown, Get, "/v1/usage/prices", bob);
        var book = new PriceBook { Currency = "EUR", ChangedGib = 1024 };
        foreach (var low in new[] { bob, reader })
            await http.RefusedAsync(HttpStatusCode.Forbidden, ReasonCode.NotAllowed, Put, "/v1/usage/prices", low,
                book);
        await http.AskAsync<PriceBook>(Put, "/v1/usage/prices", root, book);
        await http.AskAsync<PriceBook>(Put, "/v1/usage/prices", root, book with { ChangedGib = 2048 });

        const string path = "/v1/usage?month=2026-11";
        var all = await http.AskAsync<UsageReport>(Get, path, reader);
        Assert.Equal(["acme", "beta"], all.Lines.Select(l => l.Tenant));
        foreach (var (token, of) in new[] { (bob, path), (root, path + "&tenant=beta") })
        {
            var own = await http.AskAsync<UsageReport>(Get, of, token);
            Assert.Equal(("beta_shop", 1L << 20, 2m), (Assert.Single(own.Lines).Group, own.Total.ChangedBytes,
                own.Total.Cost));
            Assert.Equal("beta", Assert.Single(own.Tenants).Tenant);
        }
        Assert.Equal(book with { ChangedGib = 2048 }, await http.AskAsync<PriceBook>(Get, "/v1/usage/prices", bob));
        await http.RefusedAsync(HttpStatusCode.NotFound, ReasonCode.TenantUnknown, Get, path + "&tenant=acme", bob);
        await http.RefusedAsync(HttpStatusCode.NotFound, ReasonCode.GroupUnknown, Get, "/v1/groups/acme_shop/sla", bob);

        var set = (await sites.A.Client.AuditAsync(null, 100, Ct)).First(e => e.Subject == "/v1/usage/prices");
        Assert.Equal(("root", "ok", 1024m, 2048m), (set.Actor, set.Outcome, Price(set.Before), Price(set.After)));
    }

    private static decimal Price(JsonElement? book) => book!.Value.GetProperty("changedGib").GetDecimal();

    private static async Task UseAsync(UsageLedger ledger, params string[] groups)
    {
        var seen = Sight.At("a", [.. groups.Select(g => Sight.Group() with
        {
            Definition = Sight.Group().Definition with { Name = g },
        })]) with
        {
            Totals = [.. groups.Select(g => new GroupTotals(g, new SourceTotals(Guid.NewGuid(), 1 << 20, 0, 0)))],
        };
        await ledger.SeeAsync(seen, Ct);
    }
}
