// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Api;
using Lifeboat.Controller.Access;
using Lifeboat.Controller.Leases;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Routing;

namespace Lifeboat.Controller.Api;

/// <summary>`/v1/controllers`: who of the site's controllers lives, and what each works on.</summary>
internal sealed class ControllerEndpoints(ILeases leases)
{
    public void Map(IEndpointRouteBuilder routes) =>
        routes.MapGet("/v1/controllers", () => leases.Controllers()).NeedsAtSite(Right.View);
}
