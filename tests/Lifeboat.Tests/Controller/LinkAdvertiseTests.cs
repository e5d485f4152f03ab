// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Sites;
using Lifeboat.Testing.Recovery;

namespace Lifeboat.Tests.Controller;

/// <summary>A site that listens where nobody outside can reach it tells its peers another address.</summary>
public sealed class LinkAdvertiseTests
{
    [Fact]
    public async Task Paired_sites_ship_to_the_address_that_was_advertised()
    {
        var ct = TestContext.Current.CancellationToken;
        var network = new AgentNetwork();
        await using var a = await TestSite.StartAsync("a", network);
        await using var b = await TestSite.StartAsync("b", network, "dr.example.org:17402");
        var token = await b.Client.CreateTokenAsync(ct);
        Assert.Equal("dr.example.org:17402", (await a.Client.PairAsync(token.Token, ct)).LinkAddress);
        Assert.Equal("dr.example.org:17402", (await b.Client.SiteAsync(ct)).LinkAddress);
        Assert.Equal(SiteConfiguration.Read(a.Paths.Root).LinkListen,
            Assert.Single((await b.Client.SiteAsync(ct)).Peers).LinkAddress);
    }

    [Theory]
    [InlineData("203.0.113.7:7402", true)]
    [InlineData("[2001:db8::7]:7402", true)]
    [InlineData("dr.example.org:7402", true)]
    [InlineData("dr.example.org", false)]
    [InlineData("2001:db8::7:7402", false)]
    [InlineData("dr.example.org:0", false)]
    [InlineData(":7402", false)]
    [InlineData("two words:7402", false)]
    public void An_advertised_address_is_host_and_port(string text, bool valid) => Assert.Equal(valid,
        !new SiteConfiguration { Name = "b", LinkAdvertise = text }.Problems().Any());

    [Theory]
    [InlineData("127.0.0.1:7401", true)]
    [InlineData("127.0.0.1:0", true)]
    [InlineData("[::1]:7401", true)]
    [InlineData("127.0.0.1", false)]
    [InlineData("::1", false)]
    [InlineData("7401", false)]
    [InlineData("999.1.1.1:7401", false)]
    [InlineData("dr.example.org:7401", false)]
    public void An_address_to_listen_at_has_a_port(string text, bool valid)
    {
        var site = new SiteConfiguration { Name = "b", ControllerListen = text, LinkListen = text };
        Assert.Equal(valid ? 0 : 2, site.Problems().Count());
        Assert.Equal(valid ? 0 : 1, new AgentConfiguration("h2", text).Problems().Count());
        Assert.Equal(valid ? 0 : 1, new ControllerConfiguration("c2", text).Problems().Count());
    }
}
