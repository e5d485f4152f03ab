// SPDX-License-Identifier: Apache-2.0
using System.Net.Http.Json;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Api;
using static Lifeboat.Tests.Controller.TwoSites;

namespace Lifeboat.Tests.Controller.Api;

/// <summary>What a client of OpenStack asks of a service that it found in a catalogue.</summary>
public sealed class VersionTests
{
    [Fact]
    public async Task The_root_tells_the_versions_and_each_version_itself()
    {
        await using var site = await TestSite.StartAsync("a", new());
        using var http = new HttpClient(UnixSocketHttp.Handler(site.Paths.ControllerSocket));
        var all = await http.GetFromJsonAsync<ApiVersions>("http://controller/", ContractJson.Options, Ct);
        var one = Assert.Single(all!.Versions);
        Assert.Equal(("v1.0", "CURRENT"), (one.Id, one.Status));
        Assert.Equal("http://controller/v1/", one.Links.Single(l => l.Rel == "self").Href);
        var described = one.Links.Single(l => l.Rel == "describedby").Href;
        Assert.Contains("openapi", await http.GetStringAsync(described, Ct));
        var same = await http.GetFromJsonAsync<ApiVersionAnswer>(one.Links[0].Href, ContractJson.Options, Ct);
        Assert.Equal(one.Id, same!.Version.Id);
    }

    [Fact]
    public async Task Ids_of_requests_are_handed_on_as_between_services_of_openstack()
    {
        const string given = "req-0f3a3c5e-6f0b-4c33-9c5e-0d6d2d3e4f50";
        await using var site = await TestSite.StartAsync("a", new());
        using var http = new HttpClient(UnixSocketHttp.Handler(site.Paths.ControllerSocket));
        using var plain = await http.GetAsync("http://controller/v1/groups", Ct);
        var ours = Guid.Parse(plain.Headers.GetValues(RequestTrace.Header).Single());
        Assert.Equal($"req-{ours}", plain.Headers.GetValues(RequestTrace.OpenStackHeader).Single());
        using var request = new HttpRequestMessage(HttpMethod.Get, "http://controller/v1/groups");
        request.Headers.Add(RequestTrace.OpenStackHeader, given);
        using var theirs = await http.SendAsync(request, Ct);
        Assert.Equal(given, theirs.Headers.GetValues(RequestTrace.OpenStackHeader).Single());
        Assert.Equal(given, theirs.Headers.GetValues(RequestTrace.Header).Single());
    }
}
