// SPDX-License-Identifier: Apache-2.0
using System.Net;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Api;
using Lifeboat.Contracts.Sites;
using Lifeboat.Protection;
using Lifeboat.Sites;
using static Lifeboat.Tests.Controller.TwoSites;

namespace Lifeboat.Tests.Controller;

/// <summary>Projects between two whole controllers: kept where they are recovered, made there, and by whom.</summary>
public sealed class ProjectTests : IAsyncLifetime
{
    private static readonly ProjectGrant Alice = new("member", GranteeKind.User, "alice", "Default");
    private TwoSites _sites = null!;

    public async ValueTask InitializeAsync() => _sites = await StartAsync();

    public ValueTask DisposeAsync() => _sites.DisposeAsync();

    [Fact]
    public async Task What_a_project_is_like_is_kept_in_versions_and_made_with_its_site_gone()
    {
        await RefusedAsync(ReasonCode.SiteUnknown, () => _sites.B.Client.RefreshProjectAsync("c", Ct));
        await RefusedAsync(ReasonCode.ProjectUnknown, () => _sites.B.Client.ProjectAsync("c", null, Ct));
        await _sites.ProtectAsync();
        var first = await TakenAsync();
        Assert.Equal(1, first.Version);
        // The same again is no version.
        Assert.Equal(1, (await _sites.B.Client.RefreshProjectAsync("a", Ct)).Version);
        _sites.A.Site.Project = _sites.A.Site.Project with { Grants = [Alice] };
        Assert.Equal(2, (await _sites.B.Client.RefreshProjectAsync("a", Ct)).Version);
        Assert.Equal([2, 1], (await _sites.B.Client.ProjectsAsync(Ct)).Select(p => p.Version));
        Assert.Empty((await _sites.B.Client.ProjectAsync("a", 1, Ct)).Project.Grants);
        await _sites.LoseAAsync();
        await RefusedAsync(ReasonCode.PeerUnreachable, () => _sites.B.Client.RefreshProjectAsync("a", Ct));

        var plan = await _sites.B.Client.PlanProjectAsync("a", new ProjectRequest(), Ct);
        Assert.Equal(["made", "member"], plan.Changes.Select(c => c.To));
        // Quotas are for what is recovered here.
        Assert.Contains("for 1 server(s)", plan.Notes);
        Assert.Single((await _sites.B.Client.PlanProjectAsync("a", new ProjectRequest { Version = 1 }, Ct)).Changes);
        Assert.Equal(2, (await PrepareAsync(new ProjectRequest())).Made.Count);
        Assert.Empty((await PrepareAsync(new ProjectRequest())).Made);
        Assert.Contains(await _sites.B.Client.AuditAsync(null, 50, Ct),
            e => e.Detail?.Contains("alice: member", StringComparison.Ordinal) is true);
    }

    [Fact]
    public async Task Nothing_is_made_while_there_are_gaps_or_it_is_somebody_elses()
    {
        await _sites.ProtectAsync();
        _sites.A.Site.Project = _sites.A.Site.Project with { Grants = [Alice] };
        await TakenAsync();
        _sites.B.Site.ProjectGaps = ["user alice: is not here", "user bob: is not here"];
        var gaps = await RefusedAsync(ReasonCode.PlanGaps, () => PrepareAsync(new ProjectRequest()));
        Assert.Equal(2, gaps.Errors!.Count);
        Assert.Null(_sites.B.Site.Made);
        await PrepareAsync(new ProjectRequest { DespiteGaps = true });
        Assert.NotNull(_sites.B.Site.Made);

        _sites.B.Site.ProjectGaps = [];
        _sites.B.Site.Made = _sites.B.Site.Made with { Grants = [] };
        _sites.B.Site.IsForeign = true;
        await RefusedAsync(ReasonCode.NotAllowed, () => PrepareAsync(new ProjectRequest { DespiteGaps = true }));
        Assert.Empty(_sites.B.Site.Made.Grants);
        await PrepareAsync(new ProjectRequest { Extend = true });
        Assert.Equal(Alice, Assert.Single(_sites.B.Site.Made.Grants));
    }

    [Fact]
    public async Task It_is_removed_when_no_group_needs_it_and_nothing_is_in_it()
    {
        await _sites.ProtectAsync();
        await TakenAsync();
        await PrepareAsync(new ProjectRequest());
        _sites.B.Site.ProjectHolds = ["1 volume(s): books"];
        var refused = await RefusedAsync(ReasonCode.WrongState, () => _sites.B.Client.RemoveProjectAsync("a", Ct));
        Assert.Equal(["in it: 1 volume(s): books", "group shop is recovered to it or runs in it"], refused.Errors);
        _sites.B.Site.ProjectHolds = [];
        await _sites.A.Client.DeleteGroupAsync("shop", Ct);
        await _sites.B.Client.RemoveProjectAsync("a", Ct);
        Assert.Null(_sites.B.Site.Made);
    }

    [Fact]
    public async Task Only_operators_of_the_site_see_and_make_projects()
    {
        await _sites.ProtectAsync();
        await TakenAsync();
        using var http = new TokenHttp(_sites.B);
        await _sites.B.Client.CreateTenantAsync(new() { Name = "acme" }, Ct);
        var tenants = await http.UserAsync("anna", "acme", Right.View, Right.Change, Right.Failover, Right.Commit);
        var reader = await http.UserAsync("rita", null, Right.View);
        var operates = await http.UserAsync("otto", null, Right.View, Right.Operate);
        foreach (var token in new[] { tenants, reader })
        {
            foreach (var path in new[] { "/v1/projects", "/v1/projects/a" })
                await http.RefusedAsync(HttpStatusCode.Forbidden, ReasonCode.NotAllowed, HttpMethod.Get, path, token);
            foreach (var verb in new[] { "plan", "prepare", "refresh", "remove" })
                await http.RefusedAsync(HttpStatusCode.Forbidden, ReasonCode.NotAllowed, HttpMethod.Post,
                    $"/v1/projects/a/{verb}", token, new ProjectRequest());
        }
        Assert.Null(_sites.B.Site.Made);
        Assert.Single(await http.AskAsync<List<KeptProject>>(HttpMethod.Get, "/v1/projects", operates));
    }

    [Fact]
    public async Task What_another_site_says_is_looked_through_and_what_is_kept_stays()
    {
        await _sites.ProtectAsync();
        await TakenAsync();
        _sites.A.Site.Project = _sites.A.Site.Project with
        {
            Domain = "", Grants = [new ProjectGrant("", GranteeKind.User, "alice", "Default")],
            Quotas = [new ProjectQuota(QuotaArea.Compute, "cores", -2)],
        };
        var refused = await RefusedAsync(ReasonCode.InvalidRequest,
            () => _sites.B.Client.RefreshProjectAsync("a", Ct));
        Assert.Equal(3, refused.Errors!.Count);
        Assert.Equal(1, (await _sites.B.Client.ProjectAsync("a", null, Ct)).Version);
        // Nor is a poorer one made of a cloud that cannot be asked.
        _sites.A.Site.FailNext(nameof(IMakesProjects.DescribeProjectAsync), SiteFault.CloudUnavailable);
        await RefusedAsync(ReasonCode.CloudUnavailable, () => _sites.B.Client.RefreshProjectAsync("a", Ct));
    }

    private Task<PreparedProject> PrepareAsync(ProjectRequest request) =>
        _sites.B.Client.PrepareProjectAsync("a", request, Ct);

    // When b has heard of the group.
    private async Task<KeptProject> TakenAsync()
    {
        await UntilAsync(_sites.B, g => g.Definition.RecoverySite == "b");
        return await _sites.B.Client.RefreshProjectAsync("a", Ct);
    }
}
