// SPDX-License-Identifier: Apache-2.0
using System.Globalization;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Api;
using Lifeboat.Controller.Access;
using Lifeboat.Controller.Api.Requests;
using Lifeboat.Controller.Runs;
using Lifeboat.Controller.Storage;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;
using Lifeboat.Protection.Plans;
using Lifeboat.Recovery.Runs;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Lifeboat.Controller.Api;

/// <summary>`/v1/operations`: what is carried out while nobody waits for it.</summary>
internal sealed class OperationEndpoints(OperationStore store, Operations operations, IRunStore runs, RunFeed feed)
{
    public void Map(IEndpointRouteBuilder routes)
    {
        routes.MapGet("/v1/operations", (HttpContext http) => store.List().Where(k => Sees(http, k))
            .Select(operations.Seen).ToList()).Needs(Right.View);
        routes.MapGet("/v1/operations/{operation:guid}", FindAsync).Needs(Right.View);
    }

    // An operation is of whoever asked for it; the site's own people see those of all.
    private static bool Sees(HttpContext http, KeptOperation kept) =>
        Caller.Of(http) is var caller && (caller.Tenant is null || caller.Name == kept.Caller);

    private async Task<Operation> FindAsync(HttpContext http, Guid operation, CancellationToken ct)
    {
        if (store.Find(operation) is { } kept && Sees(http, kept)) return operations.Seen(kept);
        if (await runs.FindAsync(operation, ct) is { } run
            && Caller.Of(http).Sees(GroupName.TenantOf(run.Group))) return Of(feed.Describe(run));
        throw new ProblemException(ReasonCode.OperationUnknown, $"there is no operation {operation} at this site");
    }

    private static Operation Of(RunInfo run)
    {
        var state = run.State switch
        {
            RunState.Pending or RunState.Running or RunState.WaitingApproval => OperationState.Running,
            RunState.Succeeded or RunState.SucceededWithWarnings => OperationState.Succeeded,
            RunState.Failed or RunState.Cancelled or RunState.RolledBack => OperationState.Failed,
        };
        var done = run.Steps.Count(s => s.State is not (StepState.Pending or StepState.Running));
        var problem = state is OperationState.Failed ? new Problem(
            string.Create(CultureInfo.InvariantCulture, $"the run ended {run.State}"), ProblemStatus.Of(run.Reason),
            run.Detail, run.Reason is ReasonCode.None ? ReasonCode.RunFailed : run.Reason) : null;
        return new Operation(run.Id, $"POST /v1/groups/{run.Group}/runs", null, state, run.CreatedAt, run.FinishedAt,
            run.Finished ? 1 : run.Steps.Count == 0 ? null : (double)done / run.Steps.Count, $"/v1/runs/{run.Id}", null,
            problem);
    }
}
