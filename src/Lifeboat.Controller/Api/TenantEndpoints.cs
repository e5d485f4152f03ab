// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Api;
using Lifeboat.Controller.Access;
using Lifeboat.Controller.Tenancy;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Lifeboat.Controller.Api;

/// <summary>`/v1/tenants`: whose groups they are, and how much each may have.</summary>
internal sealed class TenantEndpoints(TenantCatalog tenants)
{
    private const string One = "/v1/tenants/{tenant}";

    public void Map(IEndpointRouteBuilder routes)
    {
        routes.MapGet("/v1/tenants", (HttpContext http) => tenants.All(Caller.Of(http))).Needs(Right.View);
        routes.MapGet(One, (string tenant) => tenants.Get(tenant)).Needs(Right.View);
        routes.MapPost("/v1/tenants", async (CreateTenantRequest request, CancellationToken ct) =>
        {
            var made = await tenants.CreateAsync(request, ct);
            return Results.Created($"/v1/tenants/{made.Name}", made);
        }).NeedsAtSite(Right.Administer);
        routes.MapPatch(One, (string tenant, TenantChange change, CancellationToken ct) =>
            tenants.ChangeAsync(tenant, change, ct)).NeedsAtSite(Right.Administer);
        routes.MapDelete(One, (string tenant) =>
        {
            tenants.Delete(tenant);
            return Results.NoContent();
        }).NeedsAtSite(Right.Administer);
    }
}
