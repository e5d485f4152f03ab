// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Api;
using Lifeboat.Controller.Access;
using Lifeboat.Controller.Status;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Lifeboat.Controller.Api;

/// <summary>`/v1/status`: can I recover now.</summary>
internal sealed class StatusEndpoints(StatusBoard board)
{
    public void Map(IEndpointRouteBuilder routes) =>
        routes.MapGet("/v1/status", (HttpContext http, CancellationToken ct) =>
            board.ReadAsync(Caller.Of(http).Tenant, ct)).Needs(Right.View);
}
