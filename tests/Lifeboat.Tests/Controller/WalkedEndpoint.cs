// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Api;
using Microsoft.AspNetCore.Routing.Patterns;

namespace Lifeboat.Tests.Controller;

/// <param name="Others">All rights but those that it needs.</param>
internal sealed record WalkedEndpoint(HttpMethod Method, string Path, bool TakesBody, bool IsOpen, Right[] Others)
{
    private static readonly Guid SomeId = Guid.NewGuid();

    public static string Filled(RoutePattern route) => "/" + string.Join('/',
        route.PathSegments.Select(s => string.Concat(s.Parts.Select(p => p switch
        {
            RoutePatternParameterPart parameter => parameter.Name switch
            {
                "group" => "shop",
                "name" or "instance" => "db1",
                "peer" => "b",
                "tenant" => "acme",
                _ when parameter.ParameterPolicies.Any(c => c.Content == "guid") => SomeId.ToString(),
                _ => "some",
            },
            RoutePatternLiteralPart literal => literal.Content,
            RoutePatternSeparatorPart separator => separator.Content,
            _ => "",
        }))));
}
