// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Agents;
using Lifeboat.Contracts.Api;
using Lifeboat.Controller.Access;
using Lifeboat.Controller.Sides;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Routing;

namespace Lifeboat.Controller.Api;

/// <summary>
/// `/v1/groups/{group}/seed`: long requests, answered when the work is done and given up when the caller hangs up.
/// </summary>
internal sealed class SeedEndpoints(LocalSide here)
{
    private const string Seed = "/v1/groups/{group}/seed";

    public void Map(IEndpointRouteBuilder routes)
    {
        routes.MapGet(Seed, (string group, CancellationToken ct) => here.SeedProgressAsync(group, ct))
            .Needs(Right.Operate);
        routes.MapPost(Seed + "/export", (string group, SeedRequest request, CancellationToken ct) =>
            here.ExportSeedAsync(group, request, ct)).Needs(Right.Operate);
        routes.MapPost(Seed + "/import", (string group, SeedRequest request, CancellationToken ct) =>
            here.ImportSeedAsync(group, request, ct)).Needs(Right.Operate);
    }
}
