// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Contracts.Api;
using Lifeboat.Controller.Access;
using Lifeboat.Controller.Api.Requests;
using Lifeboat.Controller.Evacuations;
using Lifeboat.Controller.Storage;
using Lifeboat.Protection;
using Lifeboat.Protection.Plans;
using Lifeboat.Recovery.Evacuations;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Lifeboat.Controller.Api;

/// <summary>`/v1/evacuations`: the groups of a site, moved to this one in waves.</summary>
internal sealed class EvacuationEndpoints(EvacuationPlanner planner, Evacuator evacuator, EvacuationStore store,
    TimeProvider time)
{
    private const int NamesNoted = 50;
    private const string All = "/v1/evacuations", One = All + "/{evacuation:guid}";

    public void Map(IEndpointRouteBuilder routes)
    {
        routes.MapPost(All + "/plan", async (HttpContext http, StartEvacuationRequest request, CancellationToken ct) =>
            (await planner.PlanAsync(request, Caller.Of(http), ct)).Plan).Needs(Right.View);
        routes.MapPost(All, async (HttpContext http, StartEvacuationRequest request, CancellationToken ct) =>
        {
            var started = Describe(await StartAsync(http, request, ct));
            return Results.Accepted($"{All}/{started.Id}", started);
        }).Needs([.. RunRights.Of(RunKind.PlannedFailover)]);
        routes.MapGet(All, async (HttpContext http, CancellationToken ct) =>
            (await store.ListAsync(Caller.Of(http).Tenant, ct)).Select(Describe)).Needs(Right.View);
        routes.MapGet(One, async (HttpContext http, Guid evacuation, CancellationToken ct) =>
            Describe(await SeenAsync(http, evacuation, ct))).Needs(Right.View);
        MapSignals(routes);
    }

    private void MapSignals(IEndpointRouteBuilder routes)
    {
        foreach (var (verb, signal) in new[]
        {
            ("pause", EvacuationSignal.Pause), ("resume", EvacuationSignal.Resume),
            ("continue", EvacuationSignal.Continue), ("cancel", EvacuationSignal.Cancel),
        })
            routes.MapPost($"{One}/{verb}", async (HttpContext http, Guid evacuation, CancellationToken ct) =>
            {
                var seen = await SeenAsync(http, evacuation, ct);
                AuditTrail.Note(http, $"{verb} of the evacuation of {seen.From} to {seen.Site}");
                return Describe(await evacuator.SignalAsync(seen.Id, signal, ct));
            }).Needs([.. RunRights.Of(RunKind.PlannedFailover)]);
    }

    private async Task<Evacuation> StartAsync(HttpContext http, StartEvacuationRequest request, CancellationToken ct)
    {
        var caller = Caller.Of(http);
        // Said again after its runs have changed what would be checked now.
        if (RequestKey.Current is { } key && await store.FindByKeyAsync(key, ct) is { } same) return same;
        var draft = await planner.PlanAsync(request, caller, ct);
        var plan = draft.Plan;
        if (plan.Problems.Count > 0)
        {
            throw new ProblemException(draft.IsFaulty ? ReasonCode.InvalidRequest : ReasonCode.WrongState,
                $"{plan.Problems.Count} problem(s) are in the way of the evacuation",
                "Nothing was started. Mend them, or leave those groups out (--except).", plan.Problems);
        }
        DryRun.EndsHere();
        AuditTrail.Note(http, $"evacuation of {draft.Groups.Count} group(s) of {plan.From} to {plan.Site}: "
            + string.Join(", ", draft.Groups.Take(NamesNoted).Select(g => g.Group))
            + (draft.Groups.Count > NamesNoted ? " …" : ""));
        var now = time.GetUtcNow();
        return await evacuator.CreateAsync(new Evacuation
        {
            Id = Guid.CreateVersion7(now),
            Site = plan.Site,
            From = plan.From!,
            Tenant = caller.Tenant,
            State = EvacuationState.Running,
            Options = new EvacuationOptions(request.Parallel, request.HoldBetweenWaves, request.KeepGoing,
                request.SourceIsDead, request.Checks)
            {
                DespiteGaps = request.DespiteGaps,
            },
            RequestedBy = caller.Name,
            IdempotencyKey = RequestKey.Current,
            CreatedAt = now,
            Wave = 1,
            Groups = draft.Groups,
        }, ct);
    }

    // Another tenant's, and the site's own over the groups of all, is refused as one that is not there.
    private async Task<Evacuation> SeenAsync(HttpContext http, Guid id, CancellationToken ct) =>
        await store.FindAsync(id, ct) is { } found && Caller.Of(http).Sees(found.Tenant) ? found
            : throw Evacuator.Unknown(id);

    private EvacuationInfo Describe(Evacuation evacuation) => EvacuationView.Of(evacuation, time.GetUtcNow());
}
