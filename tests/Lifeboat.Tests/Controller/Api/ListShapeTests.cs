// SPDX-License-Identifier: Apache-2.0
using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Sites;
using Lifeboat.Controller.Api.Requests;
using Lifeboat.Testing;
using Microsoft.AspNetCore.Http;
using static Lifeboat.Tests.Controller.TwoSites;

namespace Lifeboat.Tests.Controller.Api;

/// <summary>Lists are read page by page while they change.</summary>
public sealed class ListShapeTests
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void What_changes_between_two_pages_neither_doubles_nor_hides_anything(bool descending)
    {
        var shape = new ListShape<int>(i => i.ToString("D4", CultureInfo.InvariantCulture), descending,
            new ListFilter<int>("parity", "", i => [i % 2 == 0 ? "even" : "odd"]));
        for (ulong seed = 1; seed <= 200; seed++)
        {
            var random = new Prng(seed);
            var list = Enumerable.Range(0, 60).Where(_ => random.Next(2) == 0).ToHashSet();
            var always = list.Where(i => i % 2 == 0).ToHashSet();
            var seen = new List<int>();
            string? query = $"?limit={1 + random.Next(5)}&parity=even";
            while (query is not null)
            {
                var context = new DefaultHttpContext();
                (context.Request.Path, context.Request.QueryString) = ("/v1/things", new QueryString(query));
                seen.AddRange((List<int>)shape.Choose(list.ToList(), context));
                query = Next(context.Response.Headers.Link);
                for (var i = random.Next(4); i > 0; i--)
                {
                    var one = random.Next(60);
                    if (!list.Add(one)) list.Remove(one);
                    always.IntersectWith(list);
                }
            }
            Assert.Equal(seen.Distinct(), seen);
            Assert.Equal(descending ? seen.OrderDescending() : seen.Order(), seen);
            Assert.Subset(seen.ToHashSet(), always);
            Assert.All(seen, i => Assert.Equal(0, i % 2));
        }
    }

    [Fact]
    public async Task A_list_is_read_by_its_links()
    {
        await using var site = await TestSite.StartAsync("a", new());
        foreach (var name in new[] { "db5", "db1", "db4", "db2", "db3" })
            await site.Client.AdoptAsync(new AdoptRequest(name, site.RunGuest(name, "vda"), null), Ct);
        using var http = new HttpClient(UnixSocketHttp.Handler(site.Paths.ControllerSocket))
        {
            BaseAddress = new Uri("http://controller/"),
        };
        var pages = new List<string>();
        string? path = "v1/instances?limit=2&host=default";
        while (path is not null)
        {
            using var answer = await http.GetAsync(path, Ct);
            var page = await answer.Content.ReadFromJsonAsync<IReadOnlyList<SiteInstance>>(ContractJson.Options, Ct);
            pages.Add(string.Join(' ', page!.Select(i => i.Name)));
            path = Next(answer.Headers.TryGetValues("Link", out var link) ? link.Single() : null)?.TrimStart('/');
        }
        Assert.Equal(["db1 db2", "db3 db4", "db5"], pages);
        Assert.Equal("[]", await http.GetStringAsync("v1/instances?host=nowhere", Ct));

        using var wrong = await http.GetAsync("v1/instances?limit=0&after=%21&hosts=x", Ct);
        Assert.Equal(HttpStatusCode.BadRequest, wrong.StatusCode);
        var problem = await wrong.Content.ReadFromJsonAsync<Problem>(ContractJson.Options, Ct);
        Assert.Contains("after, host, limit", problem!.Faults!.Single(f => f.Parameter == "hosts").Detail);
        using var many = await http.GetAsync("v1/instances?limit=1001", Ct);
        Assert.Equal(HttpStatusCode.BadRequest, many.StatusCode);
    }

    // <PATH>; rel="next"
    private static string? Next(string? link) => link is null or "" ? null : link[1..link.IndexOf('>', 1)] is var path
        && path.Contains("/v1/things", StringComparison.Ordinal) ? path[path.IndexOf('?')..] : path;
}
