// SPDX-License-Identifier: Apache-2.0
using System.Runtime.CompilerServices;
using Lifeboat.Contracts.Api;
using Lifeboat.Controller.Access;
using Lifeboat.Controller.Access.Rules;
using Lifeboat.Controller.Runs;
using Lifeboat.Controller.Storage;
using Lifeboat.Recovery.Reports;
using Lifeboat.Recovery.Runs;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Lifeboat.Controller.Api;

/// <summary>`/v1/runs`: plans, runs, their live events and reports.</summary>
internal sealed class RunEndpoints(RunHost host, RunStore store, RunFeed feed, ReportFiles reports, Callers callers,
    AccessRules rules)
{
    private const string One = "/v1/runs/{run:guid}";

    public void Map(IEndpointRouteBuilder routes)
    {
        routes.MapPost("/v1/groups/{group}/plan", (string group, StartRunRequest request, CancellationToken ct) =>
            host.PlanAsync(group, request, ct)).Needs(Right.View);
        routes.MapPost("/v1/groups/{group}/runs", async (HttpContext http, string group, StartRunRequest request,
            CancellationToken ct) =>
        {
            rules.RequireRun(http, request.Kind, group);
            var run = await host.StartAsync(group, request, Caller.Of(http).Name, ct);
            return Results.Accepted($"/v1/runs/{run.Id}", feed.Describe(run));
        }).Needs(RunRights.Any);
        routes.MapGet("/v1/runs", async (HttpContext http, string? group, CancellationToken ct) =>
            (await store.ListAsync(group, Caller.Of(http).Tenant, ct)).Where(r => Caller.Of(http).Sees(r.Before.Tenant))
            .Select(feed.Describe)).Needs(Right.View);
        routes.MapGet(One, async (Guid run, CancellationToken ct) =>
            feed.Describe(await host.GetAsync(run, ct))).Needs(Right.View);
        routes.MapGet(One + "/events", async (HttpContext http, Guid run, CancellationToken ct) =>
        {
            await host.GetAsync(run, ct);
            return TypedResults.ServerSentEvents(WatchAsync(http, run, ct));
        }).Needs(Right.View);
        MapSignals(routes);
        MapReports(routes);
    }

    // A run may take hours, and who watches it may lose the right meanwhile.
    private async IAsyncEnumerable<RunInfo> WatchAsync(HttpContext http, Guid run,
        [EnumeratorCancellation] CancellationToken ct)
    {
        await foreach (var info in feed.WatchAsync(run, () => host.GetAsync(run, ct), ct))
        {
            if (!await callers.StillMayAsync(http)) yield break;
            yield return info;
        }
    }

    private void MapSignals(IEndpointRouteBuilder routes)
    {
        routes.MapPost(One + "/cancel", async (HttpContext http, Guid run, CancellationToken ct) =>
        {
            await RequireAsync(http, run, ct);
            return feed.Describe(await host.SignalAsync(run, RunSignal.Cancel, ct));
        }).Needs(RunRights.Any);
        routes.MapPost(One + "/release", async (HttpContext http, Guid run, CancellationToken ct) =>
        {
            await RequireAsync(http, run, ct);
            return feed.Describe(await host.SignalAsync(run, RunSignal.Release, ct));
        }).Needs(RunRights.Any);
        routes.MapPost(One + "/approve", async (HttpContext http, Guid run, CancellationToken ct) =>
        {
            await RequireAsync(http, run, ct);
            return feed.Describe(await host.ApproveAsync(run, Caller.Of(http).Name, ct));
        }).Needs(RunRights.Any);
        routes.MapPost(One + "/retry", async (HttpContext http, Guid run, CancellationToken ct) =>
        {
            await RequireAsync(http, run, ct);
            var again = await host.RetryAsync(run, ct);
            return Results.Accepted($"/v1/runs/{run}", feed.Describe(again));
        }).Needs(RunRights.Any);
    }

    // What may be done to a run is who may start one of its kind.
    private async Task RequireAsync(HttpContext http, Guid id, CancellationToken ct)
    {
        var run = await host.GetAsync(id, ct);
        rules.RequireRun(http, run.Kind, run.Group);
    }

    private void MapReports(IEndpointRouteBuilder routes)
    {
        routes.MapGet(One + "/report", async (Guid run, CancellationToken ct) =>
            await reports.OfAsync(await host.GetAsync(run, ct), ct)).Needs(Right.View);
        routes.MapGet(One + "/report.html", async (Guid run, CancellationToken ct) =>
        {
            var report = await reports.OfAsync(await host.GetAsync(run, ct), ct);
            return Results.Content(ReportHtml.Render(report), "text/html; charset=utf-8");
        }).Needs(Right.View);
    }
}
