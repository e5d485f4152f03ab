// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Api;
using Lifeboat.Controller.Access;
using Lifeboat.Controller.Groups;
using Lifeboat.Controller.Policies;
using Lifeboat.Controller.Sides;
using Lifeboat.Controller.Storage;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Lifeboat.Controller.Api;

/// <summary>`/v1/policies`, `/v1/plans`: what groups follow, and what their runs are made from.</summary>
internal sealed class PolicyEndpoints(PolicyCatalog policies, PlanEditing plans, LocalSide here, GroupStore groups)
{
    private const string One = "/v1/policies/{policy}", Plan = "/v1/groups/{group}/plan";

    public void Map(IEndpointRouteBuilder routes)
    {
        routes.MapGet("/v1/policies", (HttpContext http) => policies.All(Caller.Of(http))).Needs(Right.View);
        routes.MapGet(One, (string policy) => policies.Get(policy)).Needs(Right.View);
        routes.MapPost("/v1/policies", async (HttpContext http, CreatePolicyRequest request, CancellationToken ct) =>
        {
            var made = await policies.CreateAsync(request, Caller.Of(http), ct);
            return Results.Created($"/v1/policies/{made.Name}", made);
        }).Needs(Right.Change);
        routes.MapPatch(One, (string policy, NamedPolicyChange change, CancellationToken ct) =>
            policies.ChangeAsync(policy, change, ct)).Needs(Right.Change);
        routes.MapDelete(One, async (string policy, CancellationToken ct) =>
        {
            await policies.DeleteAsync(policy, ct);
            return Results.NoContent();
        }).Needs(Right.Change);
        routes.MapPost(One + "/settle", (string policy, SettleRequest request, CancellationToken ct) =>
            policies.SettleAsync(policy, request, ct)).Needs(Right.Change);
        routes.MapGet("/v1/plans", (HttpContext http) => groups.All().Where(r => !r.Removed)
            .Select(r => r.Definition).Where(d => Caller.Of(http).Sees(d.Tenant)).Select(plans.Of))
            .Needs(Right.View);
        routes.MapGet(Plan, (string group) => plans.Of(here.Require(group))).Needs(Right.View);
        routes.MapPatch(Plan, async (string group, PlanChange change, CancellationToken ct) =>
            plans.Of(await plans.ChangeAsync(group, change, ct))).Needs(Right.Change);
    }
}
