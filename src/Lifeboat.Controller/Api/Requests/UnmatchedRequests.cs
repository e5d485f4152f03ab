// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Protection;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Metadata;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Routing.Template;

namespace Lifeboat.Controller.Api.Requests;

/// <summary>
/// What no endpoint takes: says whether the path is unknown, its method is another one (with `Allow`), or its body is
/// of another media type.
/// </summary>
internal static class UnmatchedRequests
{
    public static Task RefuseAsync(HttpContext context, EndpointDataSource endpoints)
    {
        var (method, path) = (context.Request.Method, context.Request.Path);
        var here = endpoints.Endpoints.OfType<RouteEndpoint>()
            .Where(e => Methods(e).Count > 0 && Fits(e, path)).ToList();
        if (here.Count == 0)
            throw new ProblemException(ReasonCode.PathUnknown, $"there is no {method} {path}",
                "What there is, is in /v1/openapi.json.");
        var allowed = here.SelectMany(Methods).Distinct().Order(StringComparer.Ordinal).ToList();
        if (!allowed.Contains(method, StringComparer.OrdinalIgnoreCase))
        {
            // Kept by ProblemResponses, which clears the answer otherwise.
            context.Items[ProblemResponses.AllowKey] = string.Join(", ", allowed);
            throw new ProblemException(ReasonCode.MethodNotAllowed, $"{path} does not take {method}",
                $"It takes {string.Join(", ", allowed)}.");
        }
        var types = here.SelectMany(e => e.Metadata.GetMetadata<IAcceptsMetadata>()?.ContentTypes ?? []).Distinct();
        throw new ProblemException(ReasonCode.MediaTypeUnsupported,
            $"the body is to be {string.Join(" or ", types)}", $"It is said to be {context.Request.ContentType}.");
    }

    private static IReadOnlyList<string> Methods(RouteEndpoint endpoint) =>
        endpoint.Metadata.GetMetadata<IHttpMethodMetadata>()?.HttpMethods ?? [];

    // Constraints are left aside on purpose: an id that is none is looked for in vain, not a path that is not there.
    private static bool Fits(RouteEndpoint endpoint, PathString path) =>
        new TemplateMatcher(TemplateParser.Parse(endpoint.RoutePattern.RawText!), []).TryMatch(path, []);
}
