// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Contracts.Api;
using Lifeboat.Controller.Api.Requests;
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
        all.AddEndpointFilter(ShapeAsync);
        ((IEndpointConventionBuilder)all).Finally(Describe);
        return all;
    }

    // What an endpoint answers with, before it is written: its version for the tag, its page.
    private static async ValueTask<object?> ShapeAsync(EndpointFilterInvocationContext context,
        EndpointFilterDelegate next)
    {
        var answer = await next(context);
        var http = context.HttpContext;
        if ((answer is IValueHttpResult { Value: GroupInfo made } ? made : answer as GroupInfo) is { } group)
            EntityTags.Answered(http, group.Definition);
        var list = http.GetEndpoint()?.Metadata.GetMetadata<ApiOperation>()?.List;
        return list is null || answer is null ? answer : list.Choose(answer, http);
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
        foreach (var parameter in operation.List?.Parameters ?? []) endpoint.Metadata.Add(parameter);
        endpoint.Metadata.Add(new EndpointNameMetadata(operation.Id));
        if (operation.Answer is not null || operation.Status == StatusCodes.Status204NoContent)
            endpoint.Metadata.Add(new ProducesResponseTypeMetadata(operation.Status, operation.Answer ?? typeof(void),
                operation.Answer is null ? [] : [operation.MediaType]));
    }
}
