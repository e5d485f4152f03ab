// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Api;
using Lifeboat.Controller.Access;
using Lifeboat.Controller.ServiceLevels;
using Lifeboat.Controller.Sides;
using Lifeboat.Controller.Storage;
using Lifeboat.Controller.Usage;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Lifeboat.Controller.Api;

/// <summary>`/v1/groups/{group}/sla`, `/v1/usage`: what was kept of the promise, and what it took.</summary>
internal sealed class UsageEndpoints(LevelLedger levels, UsageReports usage, PriceStore prices, LocalSide here)
{
    public void Map(IEndpointRouteBuilder routes)
    {
        routes.MapGet("/v1/groups/{group}/sla", (string group, string? month, CancellationToken ct) =>
            levels.OfAsync(here.Require(group), month, ct)).Needs(Right.View);
        routes.MapGet("/v1/usage", (HttpContext http, string? month) =>
            usage.Of(month, Caller.Of(http).Tenant)).Needs(Right.View);
        // A tenant may see what its usage is charged at.
        routes.MapGet("/v1/usage/prices", prices.Get).Needs(Right.View);
        routes.MapPut("/v1/usage/prices", (PriceBook book) => prices.Put(book)).NeedsAtSite(Right.Operate);
    }
}
