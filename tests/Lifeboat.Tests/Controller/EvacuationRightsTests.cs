// SPDX-License-Identifier: Apache-2.0
using System.Net;
using Lifeboat.Contracts.Api;
using Lifeboat.Contracts.Sites;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;
using Lifeboat.Protection.Plans;
using Microsoft.AspNetCore.Builder;
using static Lifeboat.Tests.Controller.TwoSites;

namespace Lifeboat.Tests.Controller;

/// <summary>Who may evacuate what, and which of several controllers does it.</summary>
public sealed class EvacuationRightsTests(PostgresFixture postgres)
{
    private static readonly HttpMethod Get = HttpMethod.Get, Post = HttpMethod.Post;

    [Fact]
    public async Task A_tenant_evacuates_its_own_groups_with_the_right_and_a_second_person()
    {
        await using var sites = await TwoSites.StartAsync();
        foreach (var site in new[] { sites.A, sites.B })
            foreach (var tenant in new[] { "acme", "beta" })
                await site.Client.CreateTenantAsync(new()
                {
                    Name = tenant,
                    Limits = new TenantLimits { FourEyes = tenant == "acme" },
                }, Ct);
        foreach (var (tenant, name) in new[] { ("acme", "a1"), ("beta", "b1") })
        {
            await sites.A.Client.AdoptAsync(
                new AdoptRequest(name, sites.A.RunGuest(name, "vda"), $"/{name}/qga.sock"), Ct);
            await sites.A.Client.GiveInstanceAsync(name, new GiveInstanceRequest(tenant), Ct);
            await sites.A.Client.CreateGroupAsync(new CreateGroupRequest
            {
                Name = $"{tenant}_shop",
                RecoverySite = "b",
                Members = [new MemberRequest(name)],
            }, Ct);
            await EvacuationTests.UntilProtectedAsync(sites, $"{tenant}_shop");
        }
        using var http = new TokenHttp(sites.B);
        var anna = await http.UserAsync("anna", "acme", Right.View, Right.Failover);
        var bert = await http.UserAsync("bert", "acme", Right.View, Right.Failover);
        var carl = await http.UserAsync("carl", "acme", Right.View, Right.Change, Right.Drill);
        var eve = await http.UserAsync("eve", "beta", Right.View, Right.Failover);
        const string all = "/v1/evacuations";

        await http.RefusedAsync(HttpStatusCode.Forbidden, ReasonCode.NotAllowed, Post, all, carl,
            new StartEvacuationRequest());
        await http.RefusedAsync(HttpStatusCode.BadRequest, ReasonCode.InvalidRequest, Post, all, anna,
            new StartEvacuationRequest { Groups = ["beta_shop"] });
        // All that she may see, which is her tenant's.
        var plan = await http.AskAsync<EvacuationPlan>(Post, all + "/plan", carl, new StartEvacuationRequest());
        Assert.Equal("acme_shop", Assert.Single(Assert.Single(plan.Waves).Groups).Group);
        var started = await http.AskAsync<EvacuationInfo>(Post, all, anna, new StartEvacuationRequest());
        Assert.Equal(("acme", "acme/anna", "acme_shop"),
            (started.Tenant, started.RequestedBy, Assert.Single(started.Groups).Group));

        var waiting = await EvacuationTests.UntilAsync(sites.B, started.Id,
            e => e.Groups[0].State is EvacueeState.WaitingApproval);
        var run = waiting.Groups[0].Run;
        await http.RefusedAsync(HttpStatusCode.Forbidden, ReasonCode.NotAllowed, Post, $"/v1/runs/{run}/approve", anna);
        foreach (var path in new[] { $"{all}/{started.Id}", $"{all}/{started.Id}/cancel" })
            await http.RefusedAsync(HttpStatusCode.NotFound, ReasonCode.EvacuationUnknown,
                path.EndsWith("cancel") ? Post : Get, path, eve);
        Assert.Empty(await http.AskAsync<List<EvacuationInfo>>(Get, all, eve));
        await http.RefusedAsync(HttpStatusCode.Forbidden, ReasonCode.NotAllowed, Post, $"{all}/{started.Id}/cancel",
            carl);

        // Cancelled before anybody agreed: the run is withdrawn, and nothing has moved.
        await http.AskAsync<EvacuationInfo>(Post, $"{all}/{started.Id}/cancel", bert);
        var ended = await EvacuationTests.UntilEndedAsync(sites.B, started.Id);
        Assert.Equal((EvacuationState.Cancelled, EvacueeState.Skipped, run),
            (ended.State, ended.Groups[0].State, ended.Groups[0].Run));
        Assert.Equal(RunState.Cancelled, (await sites.B.Client.RunAsync(run!.Value, Ct)).State);
        Assert.Equal("a", (await sites.B.Client.GroupAsync("acme_shop", Ct)).Definition.PrimarySite);

        await EvacuationTests.UntilAsync(sites.B, "acme_shop", g => g.ActiveRun is null);
        var second = await http.AskAsync<EvacuationInfo>(Post, all, anna, new StartEvacuationRequest());
        waiting = await EvacuationTests.UntilAsync(sites.B, second.Id,
            e => e.Groups[0].State is EvacueeState.WaitingApproval);
        await http.AskAsync<RunInfo>(Post, $"/v1/runs/{waiting.Groups[0].Run}/approve", bert);
        ended = await EvacuationTests.UntilEndedAsync(sites.B, second.Id);
        Assert.True(ended.State is EvacuationState.Succeeded, EvacuationTests.Text(ended));
        Assert.Equal("a", (await sites.B.Client.GroupAsync("beta_shop", Ct)).Definition.PrimarySite);
        // The site sees them all.
        Assert.Equal(2, (await sites.B.Client.EvacuationsAsync(Ct)).Count);
    }

    [Fact]
    public async Task Another_controller_goes_on_where_the_first_one_stopped()
    {
        await using var sites = await TwoSites.StartAsync(database: await postgres.EmptyAsync());
        var (second, controller) = await sites.B.AddControllerAsync("c2");
        await using var end = new Stopped(controller, second);
        await EvacuationTests.ProtectAsync(sites, ("g1", null), ("g2", null), ("g3", null));
        var started = await sites.B.Client.StartEvacuationAsync(new() { Parallel = 1 }, Ct);
        await EvacuationTests.UntilAsync(second, started.Id, e => e.Groups[0].State is not EvacueeState.Waiting);
        await sites.B.StopControllerAsync();
        var ended = await EvacuationTests.UntilAsync(second, started.Id, e => e.Finished);
        Assert.True(ended.State is EvacuationState.Succeeded, EvacuationTests.Text(ended));
        foreach (var group in ended.Groups)
            Assert.Equal(group.Run, Assert.Single(await second.RunsAsync(group.Group, Ct)).Id);
    }

    private sealed class Stopped(WebApplication controller, ControllerClient client) : IAsyncDisposable
    {
        public async ValueTask DisposeAsync()
        {
            client.Dispose();
            await controller.StopAsync(CancellationToken.None);
            await controller.DisposeAsync();
        }
    }
}
