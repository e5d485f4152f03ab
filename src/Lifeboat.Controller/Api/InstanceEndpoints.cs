// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Contracts.Api;
using Lifeboat.Contracts.Sites;
using Lifeboat.Controller.Access;
using Lifeboat.Controller.Groups;
using Lifeboat.Controller.Storage;
using Lifeboat.Protection;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Lifeboat.Controller.Api;

/// <summary>`/v1/instances`: what runs at the site.</summary>
internal sealed class InstanceEndpoints(InstanceCatalog instances, InstanceHosts hosts, InstanceTenants tenants,
    TenantStore known)
{
    public void Map(IEndpointRouteBuilder routes)
    {
        routes.MapGet("/v1/instances", async (HttpContext http, CancellationToken ct) =>
        {
            var (caller, of) = (Caller.Of(http), tenants.All());
            return (await instances.ListAsync(ct)).Where(i => caller.Sees(of.GetValueOrDefault(i.Name)));
        }).Needs(Right.View);
        routes.MapGet("/v1/instances/{name}", (string name, CancellationToken ct) => instances.GetAsync(name, ct))
            .Needs(Right.View);
        // About a tenant, it is given to it.
        routes.MapPost("/v1/instances", async (HttpContext http, AdoptRequest request, CancellationToken ct) =>
        {
            var isKnown = EntityName.IsValid(request.Name) && await instances.FindAsync(request.Name, ct) is not null;
            var adopted = await hosts.AdoptAsync(request, ct);
            // One that is new is nobody's but this tenant's: an earlier one of the name may have been another's.
            if (!isKnown || Caller.Of(http).Tenant is not null) tenants.Give(adopted.Name, Caller.Of(http).Tenant);
            return adopted;
        }).Needs(Right.Operate);
        routes.MapPut("/v1/instances/{name}/tenant", async (string name, GiveInstanceRequest request,
            CancellationToken ct) =>
        {
            await instances.GetAsync(name, ct);
            if (request.Tenant is { } tenant && known.Find(tenant) is null) throw TenantStore.Unknown(tenant);
            tenants.Give(name, request.Tenant);
            return Results.NoContent();
        }).Needs(Right.Operate);
        routes.MapPost("/v1/instances/{name}/start", (string name, StartRequest request, CancellationToken ct) =>
            request.Instance == name
                ? hosts.StartAsync(request, ct)
                : throw new ProblemException(ReasonCode.InvalidRequest, $"the request is for {request.Instance}"))
            .Needs(Right.Operate);
        routes.MapPost("/v1/instances/{name}/migrate", (string name, MigrateRequest request, CancellationToken ct) =>
            hosts.MigrateAsync(name, request, ct)).Needs(Right.Operate);
        routes.MapPost("/v1/instances/{name}/stop", async (string name, CancellationToken ct) =>
        {
            await instances.StopAsync(name, ct);
            return Results.NoContent();
        }).Needs(Right.Operate);
        routes.MapDelete("/v1/instances/{name}", async (string name, CancellationToken ct) =>
        {
            await instances.RemoveAsync(name, ct);
            tenants.Give(name, null);
            return Results.NoContent();
        }).Needs(Right.Operate);
    }
}
