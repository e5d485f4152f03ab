// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Api;
using Lifeboat.Controller.Runs;
using Lifeboat.Recovery.Reports;
using Lifeboat.Recovery.Runs;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Lifeboat.Controller.Api;

/// <summary>`/v1/runs`: plans, runs, their live events and reports.</summary>
internal sealed class RunEndpoints(RunHost host, IRunStore store, RunFeed feed, ReportFiles reports)
{
    public void Map(IEndpointRouteBuilder routes)
    {
        routes.MapPost("/v1/groups/{group}/plan", (string group, StartRunRequest request, CancellationToken ct) =>
            host.PlanAsync(group, request, ct));
        routes.MapPost("/v1/groups/{group}/runs", async (string group, StartRunRequest request,
            CancellationToken ct) =>
        {
            var run = await host.StartAsync(group, request, ct);
            return Results.Accepted($"/v1/runs/{run.Id}", feed.Describe(run));
        });
        routes.MapGet("/v1/runs", async (string? group, CancellationToken ct) =>
            (await store.ListAsync(group, ct)).Select(feed.Describe));
        routes.MapGet("/v1/runs/{run:guid}", async (Guid run, CancellationToken ct) =>
            feed.Describe(await host.GetAsync(run, ct)));
        routes.MapGet("/v1/runs/{run:guid}/events", async (Guid run, CancellationToken ct) =>
        {
            await host.GetAsync(run, ct);
            return TypedResults.ServerSentEvents(feed.WatchAsync(run, () => host.GetAsync(run, ct), ct));
        });
        routes.MapPost("/v1/runs/{run:guid}/cancel", async (Guid run, CancellationToken ct) =>
            feed.Describe(await host.SignalAsync(run, RunSignal.Cancel, ct)));
        routes.MapPost("/v1/runs/{run:guid}/release", async (Guid run, CancellationToken ct) =>
            feed.Describe(await host.SignalAsync(run, RunSignal.Release, ct)));
        routes.MapPost("/v1/runs/{run:guid}/retry", async (Guid run, CancellationToken ct) =>
        {
            var again = await host.RetryAsync(run, ct);
            return Results.Accepted($"/v1/runs/{run}", feed.Describe(again));
        });
        MapReports(routes);
    }

    private void MapReports(IEndpointRouteBuilder routes)
    {
        routes.MapGet("/v1/runs/{run:guid}/report", async (Guid run, CancellationToken ct) =>
            await reports.OfAsync(await host.GetAsync(run, ct), ct));
        routes.MapGet("/v1/runs/{run:guid}/report.html", async (Guid run, CancellationToken ct) =>
        {
            var report = await reports.OfAsync(await host.GetAsync(run, ct), ct);
            return Results.Content(ReportHtml.Render(report), "text/html; charset=utf-8");
        });
    }
}
