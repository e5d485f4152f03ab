// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Api;
using Lifeboat.Controller.Access;
using Lifeboat.Controller.FollowUps;
using Lifeboat.Protection.Groups;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Lifeboat.Controller.Api;

/// <summary>`/v1/followups`: what waits for somebody to look at it.</summary>
internal sealed class FollowUpEndpoints(FollowUpStore followUps)
{
    public void Map(IEndpointRouteBuilder routes)
    {
        routes.MapGet("/v1/followups", (HttpContext http, bool? closed) => followUps.All(closed ?? false)
            .Where(f => Caller.Of(http).Sees(GroupName.TenantOf(f.Group))).ToList()).Needs(Right.View);
        routes.MapPost("/v1/followups/{id:guid}/close", (HttpContext http, Guid id, CloseFollowUpRequest request) =>
            followUps.Close(Seen(http, id), request.Reason)).Needs(Right.Change);
    }

    // Another tenant's is refused as one that is not there.
    private Guid Seen(HttpContext http, Guid id) => followUps.Find(id) is { } found
        && !Caller.Of(http).Sees(GroupName.TenantOf(found.Group)) ? throw FollowUpStore.Unknown(id) : id;
}
