// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Api;
using Lifeboat.Controller.Access;
using Lifeboat.Controller.Groups;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Routing;

namespace Lifeboat.Controller.Api;

/// <summary>Quiesce and thaw, of an instance and of a group, whatever provider does it.</summary>
internal sealed class QuiesceEndpoints(InstanceQuiesces quiesces)
{
    public void Map(IEndpointRouteBuilder routes)
    {
        routes.MapGet("/v1/quiesces", (CancellationToken ct) => quiesces.ListAsync(ct))
            .NeedsAtSite(Right.View);
        routes.MapPost("/v1/instances/{name}/quiesce", (string name, QuiesceInstanceRequest request,
            CancellationToken ct) => quiesces.QuiesceAsync(name, request, ct)).Needs(Right.Change);
        routes.MapPost("/v1/instances/{name}/thaw", (string name, ThawRequest request, CancellationToken ct) =>
            quiesces.ThawAsync(name, request, ct)).Needs(Right.Change);
        routes.MapPost("/v1/groups/{group}/quiesce", (string group, QuiesceGroupRequest request,
            CancellationToken ct) => quiesces.QuiesceGroupAsync(group, request, ct)).Needs(Right.Change);
        routes.MapPost("/v1/groups/{group}/thaw", (string group, ThawRequest request, CancellationToken ct) =>
            quiesces.ThawGroupAsync(group, request, ct)).Needs(Right.Change);
    }
}
