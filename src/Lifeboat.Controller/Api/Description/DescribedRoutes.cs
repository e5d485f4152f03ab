// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Metadata;
using Microsoft.AspNetCore.Routing;

namespace Lifeboat.Controller.Api.Description;

/// <summary>Where endpoints are mapped so that each gets what <see cref="ApiOperations"/> knows of it.</summary>
internal static class DescribedRoutes
{
    public static RouteGroupBuilder Of(IEndpointRouteBuilder routes)
    {
        var all = routes.MapGroup("");
        ((IEndpointConventionBuilder)all).Finally(Describe);
        return all;
    }

    private static void Describe(EndpointBuilder endpoint)
    {
        var methods = endpoint.Metadata.OfType<IHttpMethodMetadata>().LastOrDefault()?.HttpMethods ?? [];
        if (methods.Count != 1 || endpoint is not RouteEndpointBuilder { RoutePattern: { RawText: { } route } pattern })
            return;
        var operation = ApiOperations.All.GetValueOrDefault($"{methods[0]} {route}");
        var hasBody = endpoint.Metadata.OfType<IAcceptsMetadata>().Any();
        var reasons = new ApiReasons(ApiReasons.Of(operation, route, pattern.Parameters.Select(p => p.Name), hasBody));
        foreach (var status in reasons.ByStatus.Keys)
            endpoint.Metadata.Add(
                new ProducesResponseTypeMetadata(status, typeof(Problem), ["application/problem+json"]));
        endpoint.Metadata.Add(reasons);
        if (operation is null) return;
        endpoint.Metadata.Add(operation);
        endpoint.Metadata.Add(new EndpointNameMetadata(operation.Id));
        if (operation.Answer is not null || operation.Status == StatusCodes.Status204NoContent)
            endpoint.Metadata.Add(new ProducesResponseTypeMetadata(operation.Status, operation.Answer ?? typeof(void),
                operation.Answer is null ? [] : [operation.MediaType]));
    }
}
