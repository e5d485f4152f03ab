// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Contracts.Api;
using Lifeboat.Controller.Runs;
using Lifeboat.Controller.Sides;
using Lifeboat.Controller.Storage;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;
using Lifeboat.Recovery.Evacuations;
using Lifeboat.Recovery.Runs;

namespace Lifeboat.Controller.Evacuations;

/// <summary>The runs of this site for evacuations; each that is begun has a row in the audit log.</summary>
internal sealed class EvacuationRuns(IRunStore store, RunHost host, LocalSide here, AuditLog audit,
    TimeProvider time) : IEvacuationRuns
{
    public Task<Run?> FindAsync(Guid run, CancellationToken ct) => store.FindAsync(run, ct);

    public Task<Run?> FindAsync(Evacuation evacuation, string group, CancellationToken ct) =>
        store.FindByKeyAsync(group, evacuation.RunKey, ct);

    public async Task<Run> StartAsync(Evacuation evacuation, string group, CancellationToken ct)
    {
        var run = await host.StartAsync(group, new StartRunRequest
        {
            Kind = evacuation.Kind,
            SourceIsDead = evacuation.Options.SourceIsDead,
            DespiteGaps = evacuation.Options.DespiteGaps,
            Checks = evacuation.Options.Checks,
            IdempotencyKey = evacuation.RunKey,
        }, evacuation.RequestedBy, ct);
        audit.Add(new AuditEntry(time.GetUtcNow(), evacuation.RequestedBy ?? here.Name, "EVACUATION",
            $"/v1/groups/{group}/runs", "ok")
        {
            Tenant = GroupName.TenantOf(group),
            Detail = $"{RunRules.Name(run.Kind)} of {group}, run {run.Id} of evacuation {evacuation.Id}",
        });
        return run;
    }

    public async Task WithdrawAsync(Run run, CancellationToken ct)
    {
        try
        {
            await host.SignalAsync(run.Id, RunSignal.Cancel, ct);
        }
        catch (ProblemException e) when (e.Reason is ReasonCode.WrongState)
        {
            // It was approved meanwhile and its instances run, or it has ended.
        }
    }

    public Task<bool> IsHereAsync(string group, CancellationToken ct) =>
        Task.FromResult(here.Require(group).PrimarySite == here.Name);
}
