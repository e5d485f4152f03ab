// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Contracts.Agents;
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
        routes.MapPost(all, (string group, ViewRequest request, CancellationToken ct) =>
        {
            ThrowUnlessHere(group, request.Name);
            return here.OpenViewAsync(group, request, ct);
        });
        routes.MapDelete(all + "/{view}", async (string group, string view, CancellationToken ct) =>
        {
            ThrowUnlessHere(group, view);
            await here.CloseViewAsync(group, view, ct);
            return Results.NoContent();
        });
    }

    private void ThrowUnlessHere(string group, string view)
    {
        var definition = here.Require(group);
        if (!EntityName.IsValid(view) || view.StartsWith("run-", StringComparison.Ordinal))
            throw new ProblemException(ReasonCode.InvalidRequest, $"view name is '{view}'; {EntityName.Rule}",
                "Names that begin with run- belong to runs.");
        if (specs.Replica(group) is null)
            throw new ProblemException(ReasonCode.WrongSite, $"site {here.Name} has no replica of {group}",
                $"Ask site {definition.Other(here.Name)}.");
    }
}
