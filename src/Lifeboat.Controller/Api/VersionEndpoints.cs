// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Contracts.Api;
using Lifeboat.Controller.Access;
using Lifeboat.Controller.Api.Description;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Lifeboat.Controller.Api;

/// <summary>
/// `/` and `/v1`: which versions of the API there are. Clients of OpenStack ask a service for it without a token, and
/// find their way from the endpoint of the catalogue.
/// </summary>
internal sealed class VersionEndpoints
{
    private const string Root = "/v1";

    public void Map(IEndpointRouteBuilder routes)
    {
        routes.MapGet("/", (HttpContext http) => Results.Json(new ApiVersions([Current(http.Request)]),
            ContractJson.Options)).IsOpenToAll();
        routes.MapGet(Root, (HttpContext http) => Results.Json(new ApiVersionAnswer(Current(http.Request)),
            ContractJson.Options)).IsOpenToAll();
    }

    private static ApiVersionInfo Current(HttpRequest request)
    {
        var here = $"{request.Scheme}://{request.Host}";
        return new ApiVersionInfo("v1.0", "CURRENT",
            [new ApiVersionLink("self", here + Root + "/"), new ApiVersionLink("describedby", here + ApiDocument.Route)]);
    }
}
