// SPDX-License-Identifier: Apache-2.0
using System.Data.Common;
using Dapper;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Api;
using Lifeboat.Controller.Access;
using Lifeboat.Controller.Metrics;
using Lifeboat.Controller.Storage;
using Lifeboat.Controller.Watching;
using Lifeboat.Protection;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Lifeboat.Controller.Api;

/// <summary>`/metrics`, `/healthz`, `/readyz`: for machines that look after this one.</summary>
internal sealed class HealthEndpoints(SiteMetrics metrics, SiteWatch watch, ControllerDatabase database)
{
    private const string Text = "text/plain; version=0.0.4; charset=utf-8";

    public void Map(IEndpointRouteBuilder routes)
    {
        routes.MapGet("/metrics", async (CancellationToken ct) => Results.Text(await metrics.TextAsync(ct), Text))
            .NeedsAtSite(Right.View).OfferToMachines();
        routes.MapGet("/healthz", () => Results.Text("ok\n")).IsOpenToAll().OfferToMachines();
        routes.MapGet("/readyz", Ready).NeedsAtSite(Right.View).OfferToMachines();
    }

    // A dead peer or agent is why somebody wants to ask this controller: neither makes it unready.
    private IResult Ready()
    {
        var (reason, detail) = AskDatabase();
        var parts = new List<HealthPart> { new("database", reason, detail) };
        if (watch.Newest is { } seen)
        {
            parts.AddRange(seen.Agents.Select(a => new HealthPart($"agent {a.Host}", a.Reason, null)));
            parts.AddRange(seen.Peers.Select(p => new HealthPart($"peer {p.Name}", p.Reason, null)));
        }
        var ready = reason is ReasonCode.None;
        return Results.Json(new Readiness(ready, parts), ContractJson.Options, statusCode: ready
            ? StatusCodes.Status200OK : StatusCodes.Status503ServiceUnavailable);
    }

    private (ReasonCode, string?) AskDatabase()
    {
        try
        {
            using var connection = database.Open();
            connection.ExecuteScalar<long>("SELECT count(*) FROM peers");
            return (ReasonCode.None, null);
        }
        catch (Exception e) when (e is DbException || ControllerDatabase.IsUnavailable(e))
        {
            return (ReasonCode.DatabaseUnavailable, e.Message);
        }
    }
}
