// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Agents;
using Lifeboat.Contracts.Peers;
using Lifeboat.Controller.Peers;
using Lifeboat.Controller.Storage;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;
using Lifeboat.Protection.Instances;
using Microsoft.Extensions.DependencyInjection;
using static Lifeboat.Tests.Controller.TwoSites;

namespace Lifeboat.Tests.Controller;

/// <summary>How two sites tell each other what they know, without saying all of it each time.</summary>
public sealed class ExchangeTests
{
    // More than a request's body may have, were they said at once.
    private const int Many = 600;

    [Fact]
    public async Task Many_groups_that_the_other_site_does_not_know_reach_it_and_then_nothing_more_is_said()
    {
        await using var sites = await StartAsync();
        await sites.ProtectAsync();
        var (here, there) = (Groups(sites.A), Groups(sites.B));
        var shop = here.Find("shop")!.Definition;
        for (var i = 0; i < Many; i++) (i % 2 == 0 ? here : there).Save(new(shop with { Name = $"shop-{i}" }, false));
        await sites.A.Services.GetRequiredService<Exchange>().WithAsync("b", Ct);
        Assert.Equal(Many + 1, here.Names().Count);
        Assert.Equal(here.Names(), there.Names());

        here.Save(new(shop with { Name = "shop-1", Version = 2 }, Removed: true));
        there.Save(new(shop with { Name = "shop-2", Epoch = new Epoch(2) }, Removed: false));
        await sites.A.Services.GetRequiredService<Exchange>().WithAsync("b", Ct);
        Assert.True(there.Find("shop-1") is { Removed: true });
        Assert.Equal(new Epoch(2), here.Find("shop-2")!.Definition.Epoch);

        var same = await AnswerAsync(sites.B, await AnswerAsync(sites.A, new GroupExchange([], Stand: "none")));
        Assert.Empty(same.Groups);
        Assert.Null(same.Known);
    }

    [Fact]
    public async Task A_group_that_cannot_be_taken_over_holds_up_no_other_one()
    {
        await using var sites = await StartAsync();
        await sites.ProtectAsync();
        await UntilAsync(sites.B, GroupState.Protected);
        var point = (await sites.B.Client.PointsAsync("shop", Ct))[^1];
        await sites.B.Client.OpenViewAsync("shop", new ViewRequest("look", point.Id, null, false), Ct);
        var (here, there) = (Groups(sites.A), Groups(sites.B));
        var shop = here.Find("shop")!.Definition;
        // A disk more, for which there can be no room while somebody looks at the replica.
        var disk = new InstanceDisk("vdx", "virtio", 5, 8 << 20, null);
        var grown = shop.With("db1", disk, null) with { Version = shop.Version + 1 };
        Assert.Empty(grown.Problems());
        here.Save(new(grown, Removed: false));
        here.Save(new(shop with { Name = "till" }, Removed: false));
        await RefusedAsync(ReasonCode.Conflict,
            () => sites.B.Services.GetRequiredService<Exchange>().WithAsync("a", Ct));
        Assert.Equal(shop.Version, there.Find("shop")!.Definition.Version);
        Assert.NotNull(there.Find("till"));
    }

    [Fact]
    public async Task A_site_of_the_release_before_says_everything_and_is_told_everything()
    {
        await using var sites = await StartAsync();
        await sites.ProtectAsync();
        var known = Groups(sites.A).Find("shop")!;
        var newer = known with { Definition = known.Definition with { Version = 7 } };
        var answer = await AnswerAsync(sites.B, new GroupExchange([newer]));
        Assert.Equal(7, Assert.Single(answer.Groups).Definition.Version);
        Assert.Null(answer.Stand);
        Assert.Null(answer.Known);
    }

    private static GroupStore Groups(TestSite site) => site.Services.GetRequiredService<GroupStore>();

    // As if the other one of the two had asked.
    private static Task<GroupExchange> AnswerAsync(TestSite site, GroupExchange theirs) =>
        site.Services.GetRequiredService<Exchange>().AnswerAsync(site.Name == "a" ? "b" : "a", theirs, Ct);
}
