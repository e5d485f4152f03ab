// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Contracts.Api;
using Lifeboat.Controller.Access;
using Lifeboat.Controller.Alerts;
using Lifeboat.Controller.Sides;
using Lifeboat.Protection;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Lifeboat.Controller.Api;

/// <summary>`/v1/alerts`, `/v1/alert-targets`, `/v1/alert-deliveries`.</summary>
internal sealed class AlertEndpoints(AlertBook book, AlertStore store, AlertTargets targets, AlertDeliveries deliveries,
    LocalSide here, TimeProvider time)
{
    private const int Most = 500;

    public void Map(IEndpointRouteBuilder routes)
    {
        routes.MapGet("/v1/alerts", (HttpContext http, bool? all, string? group) =>
            store.List(all ?? false, group, Most, Caller.Of(http).Tenant)).Needs(Right.View);
        routes.MapPost("/v1/alerts/{alert:guid}/acknowledge", (HttpContext http, Guid alert) =>
            book.Acknowledge(Seen(alert, http), Caller.Of(http).Name)).Needs(Right.Change);
        routes.MapPost("/v1/alerts/{alert:guid}/close", (HttpContext http, Guid alert) =>
            book.Close(Seen(alert, http), Caller.Of(http).Name)).Needs(Right.Change);
        routes.MapGet("/v1/alert-targets", targets.Describe).Needs(Right.Operate);
        routes.MapPut("/v1/alert-targets/{name}", (string name, AlertTargetRequest request) =>
            targets.Put(name, request)).Needs(Right.Operate);
        routes.MapDelete("/v1/alert-targets/{name}", (string name) =>
        {
            targets.Remove(name);
            return Results.NoContent();
        }).Needs(Right.Operate);
        routes.MapPost("/v1/alert-targets/{name}/test", (string name) => Results.Accepted(null, Test(name)))
            .Needs(Right.Operate);
        routes.MapGet("/v1/alert-deliveries", (string? state) => deliveries.List(StateOf(state), Most))
            .Needs(Right.Operate);
    }

    // What is another tenant's is looked for in vain, as what is not there.
    private Guid Seen(Guid alert, HttpContext http) => store.Find(alert) is { } found
        && !Caller.Of(http).Sees(found.Tenant) ? throw AlertBook.Unknown(alert) : alert;

    private static DeliveryState? StateOf(string? text) => text is null ? null
        : Enum.TryParse<DeliveryState>(text, ignoreCase: true, out var state) && Enum.IsDefined(state) ? state
        : throw new ProblemException(ReasonCode.InvalidRequest,
            $"state is '{text}'; it must be waiting, delivered or dead");

    // Kept and sent as every other one: what it shows is the way that alerts take.
    private AlertDelivery Test(string name)
    {
        var target = targets.Get(name);
        var now = time.GetUtcNow();
        var id = deliveries.Add("test", new Alert
        {
            Id = Guid.CreateVersion7(now),
            Kind = AlertKind.DeliveryFailed,
            Severity = AlertSeverity.Info,
            Reason = ReasonCode.None,
            Site = here.Name,
            Subject = target.Name,
            Summary = $"a test of alert target {target.Name}",
            Advice = "Nothing is to be done.",
            Since = now,
            LastSeen = now,
        }, target.Name, now);
        return deliveries.List(null, Most).First(d => d.Id == id);
    }
}
