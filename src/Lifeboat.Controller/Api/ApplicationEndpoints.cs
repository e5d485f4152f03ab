// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Api;
using Lifeboat.Controller.Access;
using Lifeboat.Controller.Applications;
using Lifeboat.Protection.Groups;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Lifeboat.Controller.Api;

/// <summary>`/v1/applications`: groups that share cuts.</summary>
internal sealed class ApplicationEndpoints(ApplicationCatalog applications)
{
    public void Map(IEndpointRouteBuilder routes)
    {
        const string points = "/v1/applications/{application}/points";
        routes.MapGet("/v1/applications", (HttpContext http) =>
            applications.All().Where(a => Caller.Of(http).Sees(GroupName.TenantOf(a.Name)))).Needs(Right.View);
        routes.MapGet(points, (string application, CancellationToken ct) => applications.PointsAsync(application, ct))
            .Needs(Right.View);
        routes.MapPost(points, async (string application, CreateSharedPointRequest request, CancellationToken ct) =>
            Results.Created($"/v1/applications/{application}/points",
                await applications.CreateAsync(application, request, ct))).Needs(Right.Change);
    }
}
