// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Api;
using Lifeboat.Controller.FollowUps;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Routing;

namespace Lifeboat.Controller.Api;

/// <summary>`/v1/followups`: what waits for somebody to look at it.</summary>
internal sealed class FollowUpEndpoints(FollowUpStore followUps)
{
    public void Map(IEndpointRouteBuilder routes)
    {
        routes.MapGet("/v1/followups", (bool? closed) => followUps.All(closed ?? false));
        routes.MapPost("/v1/followups/{id:guid}/close", (Guid id, CloseFollowUpRequest request) =>
            followUps.Close(id, request.Reason));
    }
}
