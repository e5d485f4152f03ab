// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Api;
using Lifeboat.Controller.Access;
using Lifeboat.Controller.Storage;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Lifeboat.Controller.Api;

/// <summary>`/v1/audit`: who changed what.</summary>
internal sealed class AuditEndpoints(AuditLog audit)
{
    private const int PageMax = 1000;

    public void Map(IEndpointRouteBuilder routes)
    {
        routes.MapGet("/v1/audit", (HttpContext http, long? before, int? limit) =>
            audit.List(before, Caller.Of(http).Tenant, Math.Clamp(limit ?? 100, 1, PageMax))).Needs(Right.Audit);
        // Of the whole chain: it is one for all tenants.
        routes.MapGet("/v1/audit/verify", (string? head) => audit.Verify(head)).NeedsAtSite(Right.Audit);
    }
}
