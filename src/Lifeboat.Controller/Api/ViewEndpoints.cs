// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Contracts.Agents;
using Lifeboat.Contracts.Api;
using Lifeboat.Controller.Access;
using Lifeboat.Controller.Sides;
using Lifeboat.Controller.Storage;
using Lifeboat.Protection;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Lifeboat.Controller.Api;

/// <summary>`/v1/groups/{group}/views`: points in time as NBD exports, where the replica is.</summary>
internal sealed class ViewEndpoints(LocalSide here, SpecStore specs)
{
    public void Map(IEndpointRouteBuilder routes)
    {
        const string all = "/v1/groups/{group}/views";
        routes.MapPost(all, async (string group, ViewRequest request, CancellationToken ct) =>
        {
            await ThrowUnlessHereAsync(group, request.Name, ct);
            return await here.OpenViewAsync(group, request, ct);
        }).Needs(Right.Drill);
        routes.MapDelete(all + "/{view}", async (string group, string view, CancellationToken ct) =>
        {
            await ThrowUnlessHereAsync(group, view, ct);
            await here.CloseViewAsync(group, view, ct);
            return Results.NoContent();
        }).Needs(Right.Drill);
    }

    private async Task ThrowUnlessHereAsync(string group, string view, CancellationToken ct)
    {
        if (!EntityName.IsValid(view) || view.StartsWith("run-", StringComparison.Ordinal))
            throw new ProblemException(ReasonCode.InvalidRequest, $"view name is '{view}'; {EntityName.Rule}",
                "Names that begin with run- belong to runs.");
        // Known to the agent alone is enough: a controller that lost all it knew must not stand before the data (I12).
        if (await here.GroupAsync(group, ct) is not { } definition)
        {
            if (await here.ReplicaAsync(group, ct) is null) here.Require(group);
            return;
        }
        if (specs.Replica(group) is null && (await here.KeptAsync(group, ct)).Count == 0)
            throw new ProblemException(ReasonCode.WrongSite, $"site {here.Name} has no replica of {group}",
                $"Ask site {definition.Other(here.Name)}.");
    }
}
