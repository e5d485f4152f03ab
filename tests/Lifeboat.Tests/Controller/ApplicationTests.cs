// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Api;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;
using Lifeboat.Protection.Plans;
using static Lifeboat.Tests.Controller.TwoSites;

namespace Lifeboat.Tests.Controller;

/// <summary>Groups tied as one application, also when they live at different sites.</summary>
public sealed class ApplicationTests
{
    [Fact]
    public async Task Volumes_of_one_application_live_at_different_sites_each_replicated_to_the_other()
    {
        await using var sites = await TwoSites.StartAsync();
        await CreateAsync(sites.A, "shop", "db1", "b");
        await CreateAsync(sites.B, "desk", "db2", "a");

        foreach (var site in new[] { sites.A, sites.B })
        {
            var application = Assert.Single(await site.Client.ApplicationsAsync(Ct));
            Assert.Equal([("desk", "b", "a", "db2.vda"), ("shop", "a", "b", "db1.vda")], application.Groups
                .Select(g => (g.Group, g.PrimarySite, g.RecoverySite, string.Join(' ', g.Volumes)))
                .OrderBy(g => g.Group, StringComparer.Ordinal));
            var refused = await RefusedAsync(ReasonCode.WrongSite,
                () => site.Client.CreateSharedPointAsync("erp", new CreateSharedPointRequest(), Ct));
            Assert.Contains("more than one site", refused.Message, StringComparison.Ordinal);
        }

        // Each is recovered by itself, and both sites see where it went.
        await UntilAsync(sites.B, GroupState.Protected);
        await sites.LoseAAsync();
        Assert.Equal(RunState.Succeeded, (await sites.RunAsync(sites.B, RunKind.Failover)).State);
        var after = Assert.Single(await sites.B.Client.ApplicationsAsync(Ct));
        Assert.All(after.Groups, g => Assert.Equal(("b", "a"), (g.PrimarySite, g.RecoverySite)));
    }

    [Fact]
    public async Task An_application_of_one_group_shares_labelled_points_only()
    {
        await using var sites = await TwoSites.StartAsync();
        await CreateAsync(sites.A, "shop", "db1", "b");
        await UntilAsync(sites.B, GroupState.Protected);
        await sites.A.Client.CreatePointAsync("shop", new CreatePointRequest(Quiesce: false, "nightly"), Ct);
        sites.A.Agent.Checkpoint("shop", new(Quiesce: false, CleanShutdown: false, Label: null, WaitSealed: null));

        Assert.Equal(3, (await sites.A.Client.PointsAsync("shop", Ct)).Count);
        var shared = await sites.A.Client.SharedPointsAsync("erp", Ct);
        Assert.Contains("nightly", shared.Select(p => p.Label));
        Assert.DoesNotContain(null, shared.Select(p => p.Label));
    }

    private static async Task CreateAsync(TestSite at, string group, string instance, string recoverySite)
    {
        var qmp = at.RunGuest(instance, "vda");
        await at.Client.AdoptAsync(new AdoptRequest(instance, qmp, $"/{instance}/qga.sock"), Ct);
        await at.Client.CreateGroupAsync(new CreateGroupRequest
        {
            Name = group, RecoverySite = recoverySite, Members = [new MemberRequest(instance)], Application = "erp",
        }, Ct);
    }
}
