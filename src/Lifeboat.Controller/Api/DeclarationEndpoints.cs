// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Api;
using Lifeboat.Controller.Access;
using Lifeboat.Controller.Declarations;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Lifeboat.Controller.Api;

/// <summary>`/v1/declarations`: what is there, as files that declare it.</summary>
internal sealed class DeclarationEndpoints(DeclarationCatalog declarations)
{
    public void Map(IEndpointRouteBuilder routes)
    {
        // Which rights each document needs beyond that, its kind knows; a file that changes nothing needs none.
        routes.MapPost("/v1/declarations", (HttpContext http, ApplyRequest request, CancellationToken ct) =>
            declarations.ApplyAsync(http, request, ct)).Needs(Right.View);
        routes.MapGet("/v1/declarations", (HttpContext http) =>
            Results.Text(declarations.Export(Caller.Of(http)), "application/yaml; charset=utf-8")).Needs(Right.View);
    }
}
