// SPDX-License-Identifier: Apache-2.0
using System.Collections.Concurrent;
using System.Net;
using System.Net.Http.Json;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Api;
using Lifeboat.Protection.Groups;
using Lifeboat.Protection.Plans;
using Microsoft.Extensions.Logging;
using static Lifeboat.Tests.Controller.TwoSites;

namespace Lifeboat.Tests.Controller.Api;

/// <summary>One id follows a request through the controllers and agents of both sites.</summary>
public sealed class RequestIdTests
{
    private const string Parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    [Theory]
    [InlineData("order-66:a", null, "order-66:a")]
    [InlineData("order-66", Parent, "order-66")]
    [InlineData(null, Parent, "0af7651916cd43dd8448eb211c80319c")]
    [InlineData("two words", Parent, "0af7651916cd43dd8448eb211c80319c")]
    [InlineData("line\nbreak", "00-00000000000000000000000000000000-b7ad6b7169203331-01", "made")]
    [InlineData("", "00-XY", "made")]
    public void An_id_is_taken_when_it_can_stand_in_a_log(string? id, string? parent, string expected) =>
        Assert.Equal(expected, RequestTrace.Accept(id, parent, () => "made").Id);

    [Fact]
    public async Task An_answer_carries_the_id_of_its_request()
    {
        await using var site = await TestSite.StartAsync("a", new());
        using var http = new HttpClient(UnixSocketHttp.Handler(site.Paths.ControllerSocket));
        using var request = new HttpRequestMessage(HttpMethod.Get, "http://controller/v1/groups/nothing");
        request.Headers.Add(RequestTrace.Header, "order-66");
        using var refused = await http.SendAsync(request, Ct);
        Assert.Equal(HttpStatusCode.NotFound, refused.StatusCode);
        Assert.Equal("order-66", refused.Headers.GetValues(RequestTrace.Header).Single());
        var problem = await refused.Content.ReadFromJsonAsync<Problem>(ContractJson.Options, Ct);
        Assert.Equal("order-66", problem!.RequestId);
        using var plain = await http.GetAsync("http://controller/v1/groups", Ct);
        Assert.Equal(32, plain.Headers.GetValues(RequestTrace.Header).Single().Length);
    }

    [Fact]
    public async Task Agents_of_both_sites_see_the_id_of_the_request_and_of_the_run_that_it_starts()
    {
        await using var sites = await TwoSites.StartAsync();
        var qmp = sites.A.RunGuest("db1", "vda");
        await sites.A.Client.AdoptAsync(new AdoptRequest("db1", qmp, "/db1/qga.sock"), Ct);
        try
        {
            RequestTrace.Current = new RequestTrace("protect-shop", Parent);
            await sites.A.Client.CreateGroupAsync(Request(), Ct);
            Assert.Contains("protect-shop", sites.A.AgentRequests);
            Assert.Contains("protect-shop", sites.B.AgentRequests);
            await UntilAsync(sites.B, GroupState.Protected);
            RequestTrace.Current = new RequestTrace("drill-shop", null);
            Assert.Equal(RunState.Succeeded, (await sites.RunAsync(sites.B, RunKind.TestFailover)).State);
            Assert.Contains("drill-shop", sites.B.AgentRequests);
        }
        finally
        {
            RequestTrace.Current = null;
        }
    }

    [Fact]
    public void Every_line_of_log_has_the_id_in_its_scope()
    {
        System.Diagnostics.Activity.Current = null; // what a runner of tests may have begun
        var scopes = new RequestScopes();
        var seen = new ConcurrentBag<string>();
        void Look() => scopes.ForEachScope((scope, bag) => bag.Add($"{scope}"), seen);
        Look();
        using (scopes.Push("RequestPath:/v1/groups")) Look();
        Assert.Empty(seen);
        RequestTrace.Current = new RequestTrace("order-66", null);
        Look();
        RequestTrace.Current = null;
        Assert.Equal("request order-66", Assert.Single(seen));
    }
}
