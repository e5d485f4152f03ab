// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Contracts.Sites;
using Lifeboat.Controller.Groups;
using Lifeboat.Protection;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Lifeboat.Controller.Api;

/// <summary>`/v1/instances`: what runs at the site.</summary>
internal sealed class InstanceEndpoints(InstanceCatalog instances, InstanceHosts hosts)
{
    public void Map(IEndpointRouteBuilder routes)
    {
        routes.MapGet("/v1/instances", (CancellationToken ct) => instances.ListAsync(ct));
        routes.MapGet("/v1/instances/{name}", (string name, CancellationToken ct) => instances.GetAsync(name, ct));
        routes.MapPost("/v1/instances", (AdoptRequest request, CancellationToken ct) =>
            hosts.AdoptAsync(request, ct));
        routes.MapPost("/v1/instances/{name}/start", (string name, StartRequest request, CancellationToken ct) =>
            request.Instance == name
                ? hosts.StartAsync(request, ct)
                : throw new ProblemException(ReasonCode.InvalidRequest, $"the request is for {request.Instance}"));
        routes.MapPost("/v1/instances/{name}/migrate", (string name, MigrateRequest request, CancellationToken ct) =>
            hosts.MigrateAsync(name, request, ct));
        routes.MapPost("/v1/instances/{name}/stop", async (string name, CancellationToken ct) =>
        {
            await instances.StopAsync(name, ct);
            return Results.NoContent();
        });
        routes.MapDelete("/v1/instances/{name}", async (string name, CancellationToken ct) =>
        {
            await instances.RemoveAsync(name, ct);
            return Results.NoContent();
        });
    }
}
