// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Api;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Sites;
using Lifeboat.Controller.Access;
using Lifeboat.Controller.Projects;
using Lifeboat.Protection;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Lifeboat.Controller.Api;

/// <summary>`/v1/projects`: projects of other clouds, and the one that is made here like them.</summary>
internal sealed class ProjectEndpoints(ProjectCatalog catalog)
{
    private const string All = "/v1/projects", One = All + "/{site}";

    public void Map(IEndpointRouteBuilder routes)
    {
        routes.MapGet(All, catalog.All).NeedsAtSite(Right.Operate);
        routes.MapGet(One, (string site, long? version) => catalog.Get(site, version)).NeedsAtSite(Right.Operate);
        routes.MapPost(One + "/refresh", async (string site, CancellationToken ct) =>
            await catalog.RefreshAsync(site, ct) ?? throw new ProblemException(ReasonCode.ProjectUnknown,
                $"site {site} is no project of a cloud")).NeedsAtSite(Right.Operate);
        routes.MapPost(One + "/plan", (string site, ProjectRequest request, CancellationToken ct) =>
            catalog.PlanAsync(site, request, ct)).NeedsAtSite(Right.Operate);
        routes.MapPost(One + "/prepare", async (HttpContext http, string site, ProjectRequest request,
            CancellationToken ct) => Noted(http, await catalog.PrepareAsync(site, request, ct)))
            .NeedsAtSite(Right.Operate);
        routes.MapPost(One + "/remove", async (HttpContext http, string site, CancellationToken ct) =>
        {
            catalog.Get(site, null);
            var removed = await catalog.RemoveAsync(ct);
            AuditTrail.Note(http, $"project {removed.Name} of {removed.Domain} removed");
            return removed;
        }).NeedsAtSite(Right.Operate);
    }

    // Who got which role is what is looked for afterwards.
    private static PreparedProject Noted(HttpContext http, PreparedProject prepared)
    {
        AuditTrail.Note(http, $"project {prepared.Now.Name} of {prepared.Now.Domain}: " + (prepared.Made.Count == 0
            ? "nothing to change" : string.Join("; ", prepared.Made.Select(c => $"{c.What}: {c.To}"))));
        return prepared;
    }
}
