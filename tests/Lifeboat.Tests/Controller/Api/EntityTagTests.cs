// SPDX-License-Identifier: Apache-2.0
using System.Net;
using System.Net.Http.Json;
using System.Text;
using Lifeboat.Contracts;
using Lifeboat.Protection;
using static Lifeboat.Tests.Controller.TwoSites;

namespace Lifeboat.Tests.Controller.Api;

/// <summary>Who edits a group that somebody else has changed meanwhile is told, and nothing is lost.</summary>
public sealed class EntityTagTests
{
    [Fact]
    public async Task A_policy_is_changed_only_as_it_was_read()
    {
        await using var sites = await TwoSites.StartAsync();
        await sites.ProtectAsync();
        using var http = Http(sites.A);
        using var read = await http.GetAsync("v1/groups/shop", Ct);
        var tag = read.Headers.ETag!.ToString();
        Assert.StartsWith("\"1.1-", tag);

        // The lag and the rest of the state are another by now; the definition is not.
        using var first = await ChangeAsync(http, tag, "00:00:30");
        Assert.Equal(HttpStatusCode.OK, first.StatusCode);
        Assert.Equal("\"1.2\"", first.Headers.ETag!.ToString());
        using var late = await ChangeAsync(http, tag, "00:00:40");
        Assert.Equal(HttpStatusCode.PreconditionFailed, late.StatusCode);
        var problem = (await late.Content.ReadFromJsonAsync<Problem>(ContractJson.Options, Ct))!;
        Assert.Equal(ReasonCode.PreconditionFailed, problem.Reason);
        Assert.Contains("\"1.2\"", problem.Detail);
        using var any = await ChangeAsync(http, "*", "00:00:50");
        Assert.Equal(HttpStatusCode.OK, any.StatusCode);
        var now = (await sites.A.Client.GroupAsync("shop", Ct)).Definition;
        Assert.Equal(TimeSpan.FromSeconds(50), now.Policy.RpoTarget);

        var both = await Task.WhenAll(Enumerable.Range(0, 8)
            .Select(i => ChangeAsync(http, "\"1.3\"", $"00:01:0{i}")));
        Assert.Single(both, a => a.StatusCode == HttpStatusCode.OK);
        Assert.Equal(7, both.Count(a => a.StatusCode == HttpStatusCode.PreconditionFailed));
        Assert.Equal(4, (await sites.A.Client.GroupAsync("shop", Ct)).Definition.Version);
    }

    [Fact]
    public async Task Edits_that_meet_come_one_after_the_other()
    {
        await using var sites = await TwoSites.StartAsync();
        await sites.ProtectAsync();
        await Task.WhenAll(
            sites.A.Client.ChangePolicyAsync("shop", new() { RpoTarget = TimeSpan.FromSeconds(77) }, Ct),
            sites.A.Client.ChangePolicyAsync("shop", new() { RtoTarget = TimeSpan.FromSeconds(78) }, Ct),
            sites.A.Client.ChangePolicyAsync("shop", new() { QuiesceLabel = "x" }, Ct));
        var now = (await sites.A.Client.GroupAsync("shop", Ct)).Definition;
        Assert.Equal((4, 77, 78, "x"), (now.Version, now.Policy.RpoTarget.TotalSeconds,
            now.Policy.RtoTarget.TotalSeconds, now.Policy.QuiesceLabel));
    }

    [Fact]
    public async Task What_is_the_same_is_not_sent_again()
    {
        await using var site = await TestSite.StartAsync("a", new());
        using var http = Http(site);
        using var read = await http.GetAsync("v1/instances", Ct);
        using var request = new HttpRequestMessage(HttpMethod.Get, "v1/instances");
        request.Headers.IfNoneMatch.Add(read.Headers.ETag!);
        using var same = await http.SendAsync(request, Ct);
        Assert.Equal(HttpStatusCode.NotModified, same.StatusCode);
        Assert.Empty(await same.Content.ReadAsByteArrayAsync(Ct));
        await site.Client.AdoptAsync(new("db1", site.RunGuest("db1", "vda"), null), Ct);
        using var again = new HttpRequestMessage(HttpMethod.Get, "v1/instances");
        again.Headers.IfNoneMatch.Add(read.Headers.ETag!);
        using var other = await http.SendAsync(again, Ct);
        Assert.Equal(HttpStatusCode.OK, other.StatusCode);
        Assert.NotEqual(read.Headers.ETag, other.Headers.ETag);
    }

    [Fact]
    public async Task A_condition_that_nobody_looks_at_is_refused()
    {
        await using var site = await TestSite.StartAsync("a", new());
        using var http = Http(site);
        using var request = new HttpRequestMessage(HttpMethod.Post, "v1/instances/db1/stop");
        request.Headers.TryAddWithoutValidation("If-Match", "\"1\"");
        using var answer = await http.SendAsync(request, Ct);
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
    }

    private static HttpClient Http(TestSite site) =>
        new(UnixSocketHttp.Handler(site.Paths.ControllerSocket)) { BaseAddress = new Uri("http://controller/") };

    private static Task<HttpResponseMessage> ChangeAsync(HttpClient http, string tag, string target)
    {
        var request = new HttpRequestMessage(HttpMethod.Patch, "v1/groups/shop/policy")
        {
            Content = new StringContent($"{{\"rpoTarget\":\"{target}\"}}", Encoding.UTF8, "application/json"),
        };
        request.Headers.TryAddWithoutValidation("If-Match", tag);
        return http.SendAsync(request, Ct);
    }
}
