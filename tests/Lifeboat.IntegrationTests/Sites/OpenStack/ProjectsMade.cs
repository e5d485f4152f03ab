// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Sites;
using Lifeboat.Protection.Instances;
using Lifeboat.Sites;
using Lifeboat.Sites.OpenStack;
using Lifeboat.Sites.OpenStack.Describing;
using Lifeboat.Sites.OpenStack.Mapping;

namespace Lifeboat.IntegrationTests.Sites.OpenStack;

/// <summary>
/// A project of one real cloud is described, and made at the other one from that alone: its gaps, itself, its roles and
/// quotas, twice, with what is recovered into it, and away again.
/// </summary>
public sealed class ProjectsMade(ITestOutputHelper output) : IAsyncLifetime
{
    private readonly string _name = $"prj-{Guid.NewGuid().ToString("n")[..6]}";
    private ProjectSide? _a, _b;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;
    private ProjectSide A => _a!;
    private ProjectSide B => _b!;

    private static IReadOnlyList<InstanceDescription> Servers =>
        [.. ThreeTiers.Definition.Members.Select(m => m.Description)];

    public async ValueTask InitializeAsync()
    {
        _a = await ProjectSide.OpenAsync("a", _name, Ct);
        _b = await ProjectSide.OpenAsync("b", _name, Ct);
    }

    public async ValueTask DisposeAsync()
    {
        if (_b is not null) await _b.DisposeAsync();
        if (_a is not null) await _a.DisposeAsync();
    }

    [Fact(Timeout = 15 * 60 * 1000)]
    public async Task A_project_is_made_as_it_is_there_its_members_work_in_it_and_it_goes_when_it_is_empty()
    {
        await MakeSourceAsync();
        var described = await DescribeAsync();
        await B.UserAsync("lifeboat", Ct);
        await B.UserAsync("alice.b", Ct);
        await B.GroupAsync("devs", Ct);

        // Before anybody has said anything: all that is in the way, and nothing made by looking.
        var site = B.Site(B.Options() with { ProjectCloud = "admin" });
        var order = new ProjectOrder(described, Servers, Extend: false);
        var plan = Shown(await site.PlanProjectAsync(order, Ct));
        Assert.Equal(ProjectState.Missing, plan.State);
        Assert.Equal(3, plan.Gaps.Count);
        Has(plan.Gaps, "-alice of", "-boss of", "-gone of", "there is no user of that name");
        Has(plan.Gaps, "-alice of", "'" + _name + "-role' is not here");
        Has(plan.Gaps, "-boss of", "rules more than a project");
        Assert.Null(await B.FindAsync(Ct));

        var told = Told();
        site = B.Site(told with
        {
            Map = told.Map with { Quotas = new Dictionary<string, long> { ["volumes.volumes"] = 2 } },
        });
        Has(Assert.Single((await site.PlanProjectAsync(order, Ct)).Gaps), "volumes.volumes", "5 more are needed");

        site = B.Site(told);
        Assert.Empty(Shown(await site.PlanProjectAsync(order, Ct)).Gaps);
        var prepared = await site.PrepareProjectAsync(order, Ct);
        Assert.NotEmpty(prepared.Made);
        Assert.Empty(prepared.Now.Changes);
        Assert.Equal(ProjectState.Made, prepared.Now.State);
        await CompareAsync(described);

        // Once more, by another controller: nothing is left to do, and nothing is done.
        var again = await B.Site(told).PrepareProjectAsync(order, Ct);
        Assert.Empty(again.Made);
        await CompareAsync(described);

        // The site's own login works in it now, and what is protected fits.
        var fit = await site.FitAsync(Servers, isolated: false, Ct);
        Assert.Empty(fit.Gaps);
        Assert.Empty((await site.FitAsync(Servers, isolated: true, Ct)).Gaps);
        await RemoveAsync(site);
    }

    [Fact(Timeout = 15 * 60 * 1000)]
    public async Task A_project_of_somebody_else_is_extended_when_asked_and_loses_nothing()
    {
        var there = await A.ProjectAsync("there", [], Ct);
        await A.GrantAsync(there, GranteeKind.User, await A.UserAsync("lifeboat", Ct), "member", Ct);
        await A.QuotaAsync(there, QuotaArea.Networks, "floatingip", 7, Ct);
        var described = await A.Site(A.Options() with { AdminCloud = "admin" }).DescribeProjectAsync(Ct);

        var here = await B.ProjectAsync("the accountants'", ["theirs"], Ct);
        await B.UserAsync("lifeboat", Ct);
        await B.GrantAsync(here, GranteeKind.User, await B.UserAsync("carol", Ct), "reader", Ct);
        await B.QuotaAsync(here, QuotaArea.Compute, "instances", 1, Ct);
        await B.QuotaAsync(here, QuotaArea.Networks, "router", 0, Ct);
        await B.QuotaAsync(here, QuotaArea.Networks, "floatingip", 60, Ct);
        var site = B.Site(B.Options() with { ProjectCloud = "admin" });
        var order = new ProjectOrder(described, Servers, Extend: false);
        var plan = Shown(await site.PlanProjectAsync(order, Ct));
        Assert.Equal(ProjectState.Foreign, plan.State);
        Has(plan.Notes, "--extend");
        Has(plan.Notes, "carol", "has role 'reader' here and not there; it stays");
        Has(plan.Notes, "networks.floatingip 60 (7)");
        var refused = await Assert.ThrowsAsync<SiteException>(() => site.PrepareProjectAsync(order, Ct));
        Assert.Equal(SiteFault.Refused, refused.Fault);
        Assert.Equal(["user carol: reader"], await B.GrantsAsync(Ct));

        await site.PrepareProjectAsync(order with { Extend = true }, Ct);
        Assert.Equal(["user carol: reader", "user lifeboat: member"], await B.GrantsAsync(Ct));
        Assert.Equal("the accountants'", (await B.FindAsync(Ct))!.Description);
        Assert.Equal(60, await B.QuotaAsync(here, QuotaArea.Networks, "floatingip", Ct));
        Assert.True(await B.QuotaAsync(here, QuotaArea.Compute, "instances", Ct) >= 5);
        Assert.Empty((await site.FitAsync(Servers, isolated: false, Ct)).Gaps);
        Assert.Equal(SiteFault.Refused,
            (await Assert.ThrowsAsync<SiteException>(() => site.RemoveProjectAsync(Ct))).Fault);
        Assert.NotNull(await B.FindAsync(Ct));
    }

    [Fact(Timeout = 5 * 60 * 1000)]
    public async Task Who_may_not_make_projects_is_told_so_by_the_name_of_the_login()
    {
        await MakeSourceAsync();
        var described = await DescribeAsync();
        var project = await B.ProjectAsync("", [], Ct);
        await B.GrantAsync(project, GranteeKind.User, await B.UserAsync("lifeboat", Ct), "member", Ct);
        var order = new ProjectOrder(described, [], Extend: true);
        var member = await Assert.ThrowsAsync<SiteException>(() => B.Site(B.Options() with { ProjectCloud = "project" })
            .PlanProjectAsync(order, Ct));
        Assert.Equal(SiteFault.CloudUnauthorised, member.Fault);
        Assert.Contains("options.projectCloud 'project' may not", member.Message);
        var nobody = await Assert.ThrowsAsync<SiteException>(() => B.Site(B.Options()).PlanProjectAsync(order, Ct));
        Assert.Contains("options.projectCloud is not set", nobody.Message);
    }

    private async Task MakeSourceAsync()
    {
        var project = await A.ProjectAsync("the shop (ä)", ["gold", "acme"], Ct);
        await A.GrantAsync(project, GranteeKind.User, await A.UserAsync("lifeboat", Ct), "member", Ct);
        var alice = await A.UserAsync("alice", Ct);
        await A.GrantAsync(project, GranteeKind.User, alice, "member", Ct);
        await A.RoleAsync("role", Ct);
        await A.GrantAsync(project, GranteeKind.User, alice, _name + "-role", Ct);
        await A.GrantAsync(project, GranteeKind.User, await A.UserAsync("gone", Ct), "reader", Ct);
        await A.GrantAsync(project, GranteeKind.User, await A.UserAsync("boss", Ct), "admin", Ct);
        await A.GrantAsync(project, GranteeKind.Group, await A.GroupAsync("devs", Ct), "reader", Ct);
        await A.QuotaAsync(project, QuotaArea.Compute, "cores", 201, Ct);
        await A.QuotaAsync(project, QuotaArea.Compute, "instances", 2, Ct);
        await A.QuotaAsync(project, QuotaArea.Volumes, "gigabytes", 4321, Ct);
        await A.QuotaAsync(project, QuotaArea.Volumes, "gigabytes_nfs", 321, Ct);
        await A.QuotaAsync(project, QuotaArea.Networks, "floatingip", 77, Ct);
    }

    // As an administrator, and as far as a member is told.
    private async Task<ProjectDescription> DescribeAsync()
    {
        var member = await A.Site(A.Options()).DescribeProjectAsync(Ct);
        Assert.Empty(member.Grants);
        Assert.Equal(201, member.Quotas.Single(q => q.Resource == "cores").Limit);
        Has(member.Untold, "who has which role");
        var site = A.Site(A.Options() with { AdminCloud = "admin" });
        var described = await site.DescribeProjectAsync(Ct);
        Assert.Empty(described.Untold);
        Assert.Equal(("the shop (ä)", "Default", _name),
            (described.Description, described.Domain, described.Name));
        Assert.Equal(["acme", "gold"], described.Tags);
        Assert.Equal(6, described.Grants.Count);
        Assert.Contains(new ProjectGrant("reader", GranteeKind.Group, _name + "-devs", "Default"), described.Grants);
        Assert.Equivalent(described, await site.DescribeProjectAsync(Ct), strict: true);
        return described;
    }

    private OpenStackSiteOptions Told() => B.Options() with
    {
        ProjectCloud = "admin",
        Map = new RecoveryMap
        {
            Users = new Dictionary<string, string?>
            {
                [$"Default/{_name}-alice"] = $"Default/{_name}-alice.b", [_name + "-gone"] = null,
                [_name + "-boss"] = null,
            },
            Roles = new Dictionary<string, string?> { [_name + "-role"] = "reader", ["admin"] = null },
        },
    };

    private async Task CompareAsync(ProjectDescription described)
    {
        var made = (await B.FindAsync(Ct))!;
        Assert.Equal("the shop (ä) (made by Lifeboat)", made.Description);
        Assert.Equal(described.Tags, made.Tags!.Order());
        Assert.Equal(["group devs: reader", "user alice.b: member", "user alice.b: reader", "user lifeboat: member"],
            await B.GrantsAsync(Ct));
        Assert.Equal(201, await B.QuotaAsync(made.Id, QuotaArea.Compute, "cores", Ct));
        Assert.Equal(4321, await B.QuotaAsync(made.Id, QuotaArea.Volumes, "gigabytes", Ct));
        Assert.Equal(77, await B.QuotaAsync(made.Id, QuotaArea.Networks, "floatingip", Ct));
        // No limit here is more than a limit there.
        Assert.Equal(-1, await B.QuotaAsync(made.Id, QuotaArea.Volumes, "gigabytes_nfs", Ct));
        foreach (var quota in described.Quotas)
        {
            var here = await B.QuotaAsync(made.Id, quota.Area, quota.Resource, Ct);
            Assert.True(here < 0 || quota.Limit >= 0 && here >= quota.Limit, $"{quota} and {here}");
        }
        // It is what is described of the project here, too: it can be made back at the other cloud.
        var back = await B.Site(B.Options() with { AdminCloud = "admin" }).DescribeProjectAsync(Ct);
        Assert.Equal(("the shop (ä)", 4), (back.Description, back.Grants.Count));
    }

    private async Task RemoveAsync(OpenStackSite site)
    {
        var id = (await B.FindAsync(Ct))!.Id;
        using (var session = B.AsMember())
        {
            var cloud = new CloudClients(session);
            var volume = await new TestServer(cloud, _name).VolumeAsync("kept", 1, "nfs", null, Ct);
            Assert.NotEmpty(await cloud.Neutron.SecurityGroupsAsync(Ct));
            var held = await site.ProjectRemainsAsync(Ct);
            Assert.Equal($"1 volume(s): {_name}-kept", Assert.Single(held.Holds));
            var refused = await Assert.ThrowsAsync<SiteException>(() => site.RemoveProjectAsync(Ct));
            Assert.Contains("is not empty", refused.Message);
            await cloud.Cinder.DeleteVolumeAsync(volume.Id, Ct);
            await Patience.UntilAsync("the volume is gone",
                async () => (await cloud.Cinder.VolumesAsync(Ct)).Count == 0);
        }
        await site.RemoveProjectAsync(Ct);
        Assert.Null(await B.FindAsync(Ct));
        Assert.Empty(await B.SecurityGroupsAsync(id, Ct));
        await site.RemoveProjectAsync(Ct);
    }

    private ProjectPlan Shown(ProjectPlan plan)
    {
        output.WriteLine($"{plan.Name} of {plan.Domain}: {plan.State}");
        foreach (var change in plan.Changes)
            output.WriteLine($"{change.Kind}: {change.What}: {change.From ?? "-"} -> {change.To}");
        foreach (var gap in plan.Gaps) output.WriteLine($"gap: {gap}");
        foreach (var note in plan.Notes) output.WriteLine($"note: {note}");
        foreach (var left in plan.ToDo) output.WriteLine($"to do: {left}");
        return plan;
    }

    private static void Has(IEnumerable<string> sentences, params string[] parts) => Assert.Contains(sentences,
        s => parts.All(p => s.Contains(p, StringComparison.Ordinal)));

    private static void Has(string sentence, params string[] parts) => Has([sentence], parts);
}
