// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Api;
using Lifeboat.Controller.Api.Requests;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Lifeboat.Controller.Access;

/// <summary>What an endpoint of `/v1` asks of its caller.</summary>
/// <param name="Any">One of these; none: it is open to everybody, with a token or without.</param>
/// <param name="OfSite">Only users of the site: what it is about is no tenant's.</param>
internal sealed record EndpointRights(IReadOnlyList<Right> Any, bool OfSite)
{
    public bool IsOpen => Any.Count == 0;

    /// <summary>Refuses to start with an endpoint of which nobody said who may use it.</summary>
    /// <exception cref="InvalidOperationException">There are such endpoints; they are named.</exception>
    public static void ThrowIfMissing(IEnumerable<EndpointDataSource> sources)
    {
        var missing = sources.SelectMany(s => s.Endpoints).OfType<RouteEndpoint>()
            .Where(e => !IsForPeers(e.RoutePattern.RawText) && e.Metadata.GetMetadata<EndpointRights>() is null)
            .Select(e => e.DisplayName).ToList();
        if (missing.Count > 0)
            throw new InvalidOperationException(
                $"nobody said who may use {string.Join(", ", missing)}: declare it with Needs or IsOpenToAll");
    }

    // Who a paired site is, its certificate says; what it may reach, its groups.
    private static bool IsForPeers(string? route) => route is not null
        && (route.StartsWith("/peer/", StringComparison.Ordinal) || route == "/pair");
}

/// <summary>Offered over plain HTTP too, and there without a token: figures and health, for machines.</summary>
internal sealed record OfferedToMachines;

internal static class EndpointRightsDeclaration
{
    private static readonly QueryParameter Tenant =
        new("tenant", typeof(string), "The one tenant that it is about; for users of the site, who see all.");

    /// <summary>Where the site listens over plain HTTP, this is offered there as well; nothing else is.</summary>
    public static T OfferToMachines<T>(this T endpoint) where T : IEndpointConventionBuilder =>
        endpoint.WithMetadata(new OfferedToMachines());

    /// <summary>One of these rights; a handler may ask for more once it has read the body.</summary>
    public static T Needs<T>(this T endpoint, params Right[] any) where T : IEndpointConventionBuilder =>
        endpoint.WithMetadata(new EndpointRights(any, any is [Right.Operate]), Tenant);

    /// <summary>A right at the site as a whole: a tenant's users are refused.</summary>
    public static T NeedsAtSite<T>(this T endpoint, Right right) where T : IEndpointConventionBuilder =>
        endpoint.WithMetadata(new EndpointRights([right], OfSite: true), Tenant);

    /// <summary>No token is asked for: it says nothing that is not for everybody, or checks for itself.</summary>
    public static T IsOpenToAll<T>(this T endpoint) where T : IEndpointConventionBuilder =>
        endpoint.WithMetadata(new EndpointRights([], OfSite: false));
}
