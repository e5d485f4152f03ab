// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Api;
using Lifeboat.Controller.Access;
using Lifeboat.Controller.Groups;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Lifeboat.Controller.Api;

/// <summary>`/v1/groups/{group}/points`: the moments a group can be recovered to.</summary>
internal sealed class PointEndpoints(PointCatalog points)
{
    public void Map(IEndpointRouteBuilder routes)
    {
        const string all = "/v1/groups/{group}/points";
        routes.MapGet(all, (string group, CancellationToken ct) => points.ListAsync(group, ct)).Needs(Right.View);
        routes.MapGet(all + "/{point:guid}", (string group, Guid point, CancellationToken ct) =>
            points.GetAsync(group, point, ct)).Needs(Right.View);
        routes.MapPost(all, async (string group, CreatePointRequest request, CancellationToken ct) =>
            Results.Created($"/v1/groups/{group}/points", await points.CreateAsync(group, request, ct)))
            .Needs(Right.Change);
        routes.MapPut(all + "/{point:guid}/pins/{pin}", async (string group, Guid point, string pin,
            CancellationToken ct) =>
        {
            await points.PinAsync(group, point, pin, ct);
            return Results.NoContent();
        }).Needs(Right.Change);
        routes.MapDelete(all + "/{point:guid}/pins/{pin}", async (string group, Guid point, string pin,
            CancellationToken ct) =>
        {
            await points.UnpinAsync(group, point, pin, ct);
            return Results.NoContent();
        }).Needs(Right.Change);
    }
}
