// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Sites.OpenStack.Clouds;
using Lifeboat.Sites.OpenStack.Http;

namespace Lifeboat.Sites.OpenStack.Identity;

/// <summary>Where the services of a cloud are, by type, region and interface.</summary>
internal sealed class ServiceCatalog(IReadOnlyList<CatalogEntry> services)
{
    /// <summary>Types of all services that the cloud has.</summary>
    public IEnumerable<string> Types => services.Select(s => s.Type).Distinct(StringComparer.Ordinal);

    /// <exception cref="CloudException">ServiceMissing: with what there is instead.</exception>
    public Uri Endpoint(CloudApi service, CloudSettings cloud)
    {
        if (service.Types.Select(cloud.Endpoints.GetValueOrDefault).FirstOrDefault(u => u is not null) is { } given)
            return given;
        var ofType = service.Types.SelectMany(t => services.Where(s => s.Type == t)).SelectMany(s => s.Endpoints)
            .Where(e => service != CloudApi.BlockStorage || !IsOldBlockStorage(e.Url)).ToList();
        if (ofType.Count == 0)
            throw Missing($"no {service.Name} (service type {string.Join(" or ", service.Types)}); it has "
                + string.Join(", ", services.Select(s => s.Type).Distinct().Order(StringComparer.Ordinal)));
        var regions = ofType.Select(RegionOf).Distinct(StringComparer.Ordinal).ToList();
        if (cloud.Region is null && regions.Count > 1)
            throw Missing($"{service.Name} in several regions ({string.Join(", ", regions)}): say which one "
                + $"(clouds.{cloud.Name}.region_name)");
        var here = cloud.Region is null ? ofType : [.. ofType.Where(e => RegionOf(e) == cloud.Region)];
        if (here.Count == 0)
            throw Missing($"no {service.Name} in region '{cloud.Region}'; it has {string.Join(", ", regions)}");
        var wanted = cloud.Interface.ToString().ToLowerInvariant();
        // Catalogues of old write `publicURL`.
        var found = here.FirstOrDefault(e => e.Interface == wanted || e.Interface == wanted + "URL")
            ?? throw Missing($"no {wanted} endpoint of {service.Name}; it has "
                + string.Join(", ", here.Select(e => e.Interface).Distinct()));
        return Uri.TryCreate(found.Url, UriKind.Absolute, out var url) && url.Scheme is "http" or "https" ? url
            : throw Missing($"'{found.Url}' as endpoint of {service.Name}, which is no http URL");

        CloudException Missing(string what) =>
            new(CloudFault.ServiceMissing, $"the catalogue of {cloud} has {what}");
    }

    private static string RegionOf(CatalogEndpoint endpoint) => endpoint.RegionId ?? endpoint.Region ?? "";

    private static bool IsOldBlockStorage(string url) =>
        url.Contains("/v1/", StringComparison.Ordinal) || url.Contains("/v2/", StringComparison.Ordinal);
}
