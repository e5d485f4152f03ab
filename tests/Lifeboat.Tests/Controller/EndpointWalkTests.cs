// SPDX-License-Identifier: Apache-2.0
using System.Net;
using System.Text;
using System.Text.Json;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Api;
using Lifeboat.Controller.Access;
using Lifeboat.Controller.Storage;
using Lifeboat.Protection;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Metadata;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using static Lifeboat.Tests.Controller.TwoSites;

namespace Lifeboat.Tests.Controller;

/// <summary>
/// Walks every endpoint that the controller has, so that none is left out when one is added, and is refused at each in
/// every way there is.
/// </summary>
public sealed class EndpointWalkTests(ITestOutputHelper output)
{
    private readonly Dictionary<string, int> _refused = [];
    private readonly List<string> _faults = [];

    [Fact]
    public async Task Every_endpoint_refuses_who_and_what_it_must()
    {
        await using var sites = await TwoSites.StartAsync();
        await sites.ProtectAsync();
        await sites.A.Client.CreateTenantAsync(new() { Name = "acme" }, Ct);
        using var http = new TokenHttp(sites.A);
        var all = await http.UserAsync("all", null, [.. RoleRights.All]);
        var expired = Expired(sites.A);
        var mapped = Of(sites.A).ToList();
        var open = mapped.Where(e => e.IsOpen && !e.TakesBody).ToList();
        // What is for everybody says nothing of this site.
        Assert.Equal(["/", "/healthz", "/v1", "/v1/openapi.json"],
            open.Select(e => e.Path).Order(StringComparer.Ordinal));
        var endpoints = mapped.Except(open).ToList();
        Assert.True(endpoints.Count > 45, $"only {endpoints.Count} endpoints were found");

        foreach (var endpoint in endpoints)
        {
            var body = endpoint.TakesBody ? "{}" : null;
            await ExpectAsync(http, endpoint, "no token", null, body, ReasonCode.NotAuthenticated);
            await ExpectAsync(http, endpoint, "a token of nobody", all[..^4] + "AAAA", body,
                ReasonCode.NotAuthenticated);
            await ExpectAsync(http, endpoint, "an expired token", expired, body, ReasonCode.TokenExpired);
            if (endpoint.Others is { Length: > 0 } others)
            {
                var low = await http.UserAsync($"low-{_refused.Values.Sum()}", null, others);
                await ExpectAsync(http, endpoint, "rights that are too few", low, body, ReasonCode.NotAllowed);
            }
            if (!endpoint.TakesBody) continue;
            await ExpectAsync(http, endpoint, "a malformed body", all, "{\"", ReasonCode.InvalidRequest);
            await ExpectAsync(http, endpoint, "an unknown field", all, "{\"colour\":\"red\"}",
                ReasonCode.InvalidRequest, "colour");
            var long1 = $"{{\"label\":\"{new string('x', 2 << 20)}\"}}";
            await ExpectAsync(http, endpoint, "an oversized body", all, long1, ReasonCode.RequestTooLarge);
        }
        foreach (var (what, count) in _refused.OrderBy(r => r.Key))
            output.WriteLine($"{count,4} endpoints of {endpoints.Count} refused {what}");
        Assert.True(_faults.Count == 0, string.Join("\n", _faults));
    }

    [Fact]
    public async Task An_endpoint_of_which_nobody_said_who_may_use_it_does_not_start()
    {
        await using var sites = await TwoSites.StartAsync(paired: false);
        EndpointRights.ThrowIfMissing([new DefaultEndpointDataSource(sites.A.Endpoints)]);
        var bare = new RouteEndpoint(_ => Task.CompletedTask,
            Microsoft.AspNetCore.Routing.Patterns.RoutePatternFactory.Parse("/v1/new"), 0,
            EndpointMetadataCollection.Empty, "GET /v1/new");
        var refused = Assert.Throws<InvalidOperationException>(
            () => EndpointRights.ThrowIfMissing([new DefaultEndpointDataSource(sites.A.Endpoints.Append(bare))]));
        Assert.Contains("GET /v1/new", refused.Message, StringComparison.Ordinal);
    }

    private async Task ExpectAsync(TokenHttp http, WalkedEndpoint endpoint, string what, string? token, string? body,
        ReasonCode reason, string? says = null)
    {
        using var content = body is null ? null : new StringContent(body, Encoding.UTF8, "application/json");
        using var answer = await http.SendAsync(endpoint.Method, endpoint.Path, token, content);
        var text = await answer.Content.ReadAsStringAsync(Ct);
        var status = (HttpStatusCode)ProblemStatus.Of(reason);
        if (answer.StatusCode == status && text.Contains($"\"reason\":\"{TokenHttp.Kebab(reason)}\"")
            && text.Contains(says ?? "", StringComparison.Ordinal))
        {
            _refused[what] = _refused.GetValueOrDefault(what) + 1;
            return;
        }
        _faults.Add($"{endpoint.Method} {endpoint.Path}: {what}: {(int)answer.StatusCode} instead of {(int)status} "
            + text[..Math.Min(200, text.Length)]);
    }

    private static string Expired(TestSite site)
    {
        var user = new StoredUser("", "late", [], RoleRights.All, [], DateTimeOffset.UnixEpoch);
        site.Services.GetRequiredService<UserStore>().TryAdd(user, null);
        var made = site.Services.GetRequiredService<ApiTokens>().Make(user, new CreateApiTokenRequest(), "test");
        using var connection = site.Services.GetRequiredService<ControllerDatabase>().Open();
        using var command = connection.CreateCommand();
        var past = (TimeProvider.System.GetUtcNow() - TimeSpan.FromHours(1)).ToUnixTimeMilliseconds();
        command.CommandText = $"UPDATE api_tokens SET expires_at = {past} WHERE id = '{made.Info.Id}'";
        Assert.Equal(1, command.ExecuteNonQuery());
        return made.Token;
    }

    // What a paired site asks is told apart by certificates, and tested with those.
    private static IEnumerable<WalkedEndpoint> Of(TestSite site) =>
        from endpoint in site.Endpoints.OfType<RouteEndpoint>()
        let route = endpoint.RoutePattern
        where !route.RawText!.StartsWith("/peer/") && !route.RawText.StartsWith("/pair")
        let rights = endpoint.Metadata.GetMetadata<EndpointRights>()!
        from method in endpoint.Metadata.GetMetadata<HttpMethodMetadata>()?.HttpMethods ?? ["GET"]
        select new WalkedEndpoint(new HttpMethod(method), WalkedEndpoint.Filled(route),
            endpoint.Metadata.GetMetadata<IAcceptsMetadata>() is not null, rights.IsOpen,
            rights.IsOpen ? [] : [.. RoleRights.All.Except(rights.Any)]);
}
