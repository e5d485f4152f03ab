// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Agents;
using Lifeboat.Contracts.Api;
using Lifeboat.Controller.Access;
using Lifeboat.Controller.Groups;
using Lifeboat.Controller.Sides;
using Lifeboat.Controller.Tenancy;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Lifeboat.Controller.Api;

/// <summary>`/v1/groups`: what is protected.</summary>
internal sealed class GroupEndpoints(LocalSide here, GroupCreation creation, GroupRemoval removal,
    PolicyEditing policies, GroupSuspension suspension, GroupVolumes volumes,
    VolumeProtection protection, GroupOwnership owned, GroupSettling settling,
    GroupOverview overview, Divergences divergences)
{
    public void Map(IEndpointRouteBuilder routes)
    {
        routes.MapGet("/v1/groups", (HttpContext http, CancellationToken ct) =>
            overview.AllAsync(Caller.Of(http).Sees, ct)).Needs(Right.View);
        routes.MapGet("/v1/groups/{group}", (string group, CancellationToken ct) =>
            overview.OfAsync(here.Require(group), ct)).Needs(Right.View);
        routes.MapPost("/v1/groups", async (HttpContext http, CreateGroupRequest request,
            CancellationToken ct) =>
        {
            var definition = await creation.CreateAsync(owned.Checked(request, Caller.Of(http)), ct);
            return Results.Created($"/v1/groups/{definition.Name}", await overview.OfAsync(definition, ct));
        }).Needs(Right.Change);
        routes.MapGet("/v1/groups/{group}/divergence", (string group, CancellationToken ct) =>
            divergences.OfAsync(group, ct)).Needs(Right.View);
        routes.MapPatch("/v1/groups/{group}/policy", async (string group, PolicyChange change,
            CancellationToken ct) => await overview.OfAsync(await policies.ChangeAsync(group, change, ct), ct))
            .Needs(Right.Change);
        routes.MapPost("/v1/groups/{group}/settle", async (string group, Contracts.Api.SettleRequest request,
            CancellationToken ct) => await overview.OfAsync(await settling.SettleAsync(group, request, ct), ct))
            .Needs(Right.Change);
        routes.MapPost("/v1/groups/{group}/scrub", async (string group, CancellationToken ct) =>
        {
            await here.ScrubAsync(group, ct);
            return await overview.OfAsync(here.Require(group), ct);
        }).Needs(Right.Change);
        routes.MapPost("/v1/groups/{group}/digest", (string group, CancellationToken ct) =>
            here.SourceDigestAsync(group, ct)).Needs(Right.Drill);
        routes.MapPost("/v1/groups/{group}/points/digest", (string group, CancellationToken ct) =>
            here.PointDigestAsync(group, null, ct)).Needs(Right.Drill);
        routes.MapPost("/v1/groups/{group}/points/{point:guid}/digest", (string group, Guid point,
            CancellationToken ct) => here.PointDigestAsync(group, point, ct)).Needs(Right.Drill);
        routes.MapPost("/v1/groups/{group}/suspend", async (string group, SuspendGroupRequest request,
            CancellationToken ct) => await overview.OfAsync(await suspension.SuspendAsync(group, request, ct), ct))
            .Needs(Right.Suspend);
        routes.MapPost("/v1/groups/{group}/resume", async (string group, CancellationToken ct) =>
            await overview.OfAsync(await suspension.ResumeAsync(group, ct), ct)).Needs(Right.Suspend);
        const string one = "/v1/groups/{group}/volumes/{volume}";
        routes.MapPost(one + "/release", async (string group, string volume, ReleaseVolumeRequest request,
            CancellationToken ct) =>
            await overview.OfAsync(await volumes.ReleaseAsync(group, volume, request, ct), ct)).Needs(Right.Suspend);
        routes.MapPost(one + "/capture", async (string group, string volume, CancellationToken ct) =>
            await overview.OfAsync(await volumes.CaptureAsync(group, volume, ct), ct)).Needs(Right.Suspend);
        routes.MapPost(one + "/resize", async (string group, string volume, ResizeVolumeRequest request,
            CancellationToken ct) =>
            await overview.OfAsync(await volumes.ResizeAsync(group, volume, request, ct), ct)).Needs(Right.Change);
        routes.MapPost(one + "/protect", async (HttpContext http, string group, string volume,
            ProtectVolumeRequest request, CancellationToken ct) =>
        {
            // A path of the other site's host is no tenant's to name.
            if (request.TargetDisk is not null) Caller.Of(http).Require(Right.Operate);
            return await overview.OfAsync(await protection.ProtectAsync(group, volume, request, ct), ct);
        }).Needs(Right.Change);
        routes.MapDelete("/v1/groups/{group}", async (string group, CancellationToken ct) =>
        {
            await removal.RemoveAsync(group, ct);
            return Results.NoContent();
        }).Needs(Right.Commit);
    }
}
