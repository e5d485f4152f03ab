// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Contracts.Agents;
using Lifeboat.Contracts.Api;
using Lifeboat.Protection;
using Lifeboat.Protection.Links;
using static Lifeboat.Tests.Controller.TwoSites;

namespace Lifeboat.Tests.Controller;

public sealed class LinkTests
{
    [Fact]
    public async Task What_is_changed_stays_and_the_rest_as_it_was()
    {
        await using var sites = await TwoSites.StartAsync();
        await sites.A.Client.ChangeLinkAsync("b", new LinkChange
        {
            Cap = "200Mbit", Windows = ["mon-fri 08:00-18:00 20Mbit"], TimeZone = "Europe/Berlin",
        }, Ct);
        await sites.A.Client.ChangeLinkAsync("b", new LinkChange { Compression = CompressionMode.Lz4 }, Ct);
        using var agent = new AgentClient(sites.A.Paths.AgentSocket);
        var settings = (await agent.LinkAsync("b", Ct)).Settings;
        Assert.Equal("200Mbit", settings.Cap);
        Assert.Equal(["mon-fri 08:00-18:00 20Mbit"], settings.Windows);
        Assert.Equal(("Europe/Berlin", CompressionMode.Lz4), (settings.TimeZone, settings.Compression));

        var open = await sites.A.Client.ChangeLinkAsync("b", new LinkChange { Cap = "none", Windows = [] }, Ct);
        Assert.Null(open.Settings.Cap);
        Assert.Empty(open.Settings.Windows);
        Assert.Equal(CompressionMode.Lz4, (await sites.A.Client.LinkAsync("b", Ct)).Settings.Compression);
    }

    [Fact]
    public async Task All_faults_are_told_at_once_and_nothing_is_changed()
    {
        await using var sites = await TwoSites.StartAsync();
        var refused = await Assert.ThrowsAsync<ProblemException>(() => sites.A.Client.ChangeLinkAsync("b",
            new LinkChange { Cap = "fast", Windows = ["never"], TimeZone = "Mars/North" }, Ct));
        Assert.Equal(ReasonCode.InvalidRequest, refused.Reason);
        Assert.Equal(3, refused.Errors!.Count);
        Assert.Null((await sites.A.Client.LinkAsync("b", Ct)).Settings.Cap);
    }

    [Fact]
    public async Task A_site_that_is_not_paired_has_no_link()
    {
        await using var sites = await TwoSites.StartAsync();
        var refused = await Assert.ThrowsAsync<ProblemException>(() => sites.A.Client.LinkAsync("c", Ct));
        Assert.Equal(ReasonCode.SiteUnknown, refused.Reason);
        refused = await Assert.ThrowsAsync<ProblemException>(() =>
            sites.A.Client.ChangeLinkAsync("c", new LinkChange { Cap = "1Mbit" }, Ct));
        Assert.Equal(ReasonCode.SiteUnknown, refused.Reason);
    }

    [Fact]
    public async Task A_groups_own_cap_and_priority_are_its_policy()
    {
        await using var sites = await TwoSites.StartAsync();
        await sites.ProtectAsync();
        var group = await sites.A.Client.ChangePolicyAsync("shop", new PolicyChange
        {
            ShipCap = "8Mbit", ShipWindows = ["daily 22:00-06:00 none"], Priority = LinkPriority.High,
        }, Ct);
        var policy = group.Definition.Policy;
        Assert.Equal((1_000_000L, LinkPriority.High), (policy.ShipBytesPerSecond, policy.Priority));
        Assert.Equal("daily 22:00-06:00 none", policy.ShipWindows);
        var refused = await Assert.ThrowsAsync<ProblemException>(() => sites.A.Client.ChangePolicyAsync("shop",
            new PolicyChange { ShipCap = "fast", ShipWindows = ["never"], ShipTimeZone = "Mars/North" }, Ct));
        Assert.Equal(3, refused.Errors!.Count);
    }
}
