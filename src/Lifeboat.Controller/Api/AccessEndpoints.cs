// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Api;
using Lifeboat.Controller.Access;
using Lifeboat.Controller.Access.Rules;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Lifeboat.Controller.Api;

/// <summary>`/v1/access`: by which rules the API lets whom do what.</summary>
internal sealed class AccessEndpoints(AccessVerdicts verdicts)
{
    public void Map(IEndpointRouteBuilder routes)
    {
        routes.MapGet("/v1/access/rules", verdicts.All).NeedsAtSite(Right.Administer);
        routes.MapPost("/v1/access/check", (HttpContext http, AccessCheckRequest request, CancellationToken ct) =>
            verdicts.CheckAsync(request, http, ct)).NeedsAtSite(Right.Administer);
    }
}
