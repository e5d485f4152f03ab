// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Api;
using Lifeboat.Controller.Alerts;
using Lifeboat.Controller.Groups;
using Lifeboat.Controller.Sides;
using Lifeboat.Controller.Storage;
using Lifeboat.Protection.Groups;

namespace Lifeboat.Controller.Status;

/// <summary>Puts together what one screen says of a site.</summary>
internal sealed class StatusBoard(LocalSide here, GroupOverview groups, RecoveryProofs proofs, AlertStore alerts,
    TimeProvider time)
{
    private const int AlertsLooked = 500, AlertsMost = 100;

    /// <param name="tenant">The one that it is about; null: the site and all of them.</param>
    public async Task<StatusInfo> ReadAsync(string? tenant, CancellationToken ct)
    {
        var shown = proofs.All();
        var all = await groups.AllAsync(of => tenant is null || of == tenant, ct);
        return new StatusInfo
        {
            Site = here.Name,
            At = time.GetUtcNow(),
            Groups =
            [
                .. all.Select(g => Of(g, shown.GetValueOrDefault(g.Definition.Name), here.Name)).OrderBy(Urgency)
                    .ThenBy(g => g.Group, StringComparer.Ordinal),
            ],
            Alerts =
            [
                .. alerts.List(over: false, null, AlertsLooked, tenant)
                    .OrderByDescending(a => a.Severity).ThenBy(a => a.Since).Take(AlertsMost),
            ],
        };
    }

    internal static GroupStatus Of(GroupInfo group, ProofOfGroup? shown, string here) => new()
    {
        Group = group.Definition.Name,
        Tenant = group.Tenant,
        PrimarySite = group.Definition.PrimarySite,
        RecoverySite = group.Definition.RecoverySite,
        Recoverable = IsRecoverable(group, here),
        State = group.State,
        Reason = group.Reason,
        Detail = group.Detail,
        NewestPoint = group.NewestPoint?.CutAt,
        NewestConsistency = group.NewestPoint?.Consistency,
        Exposure = group.Exposure,
        Outbox = group.Source?.Outbox,
        Forecast = group.Source?.Forecast,
        Damages = group.Replica?.Damages ?? [],
        Unprotected = group.Source?.Unprotected ?? [],
        Drills = group.Drills,
        Proof = shown?.Proof,
        Failed = shown?.Failed,
        Advice = Advice(group, shown, here),
    };

    private static Recoverable IsRecoverable(GroupInfo group, string here) => group switch
    {
        { NewestPoint: null } => Recoverable.No,
        // What the source said of its points is no replica that could be opened here now.
        { Replica: null } when group.Definition.RecoverySite == here => Recoverable.No,
        { State: GroupState.FailingOver or GroupState.FailedOver or GroupState.Diverged } => Recoverable.No,
        { Exposure: { } exposure } when exposure > group.Definition.Policy.PromisedRpo() => Recoverable.Late,
        _ => Recoverable.Yes,
    };

    // That it works is only known of what was tried.
    private static string Advice(GroupInfo group, ProofOfGroup? shown, string here)
    {
        var advice = GroupAdvice.Of(group, here);
        if (advice != GroupAdvice.Nothing || group.State is not GroupState.Protected
            || group.Definition.RecoverySite != here) return advice;
        if (shown?.Failed is { } failed)
            return $"lifeboat run get {failed.Run}, mend it, then: lifeboat drill {group.Definition.Name}";
        return shown?.Proof is null ? $"lifeboat drill {group.Definition.Name}: it was never tried" : advice;
    }

    private static int Urgency(GroupStatus group) => group switch
    {
        { State: GroupState.Diverged or GroupState.Error } => 0,
        { Recoverable: Recoverable.No } => 1,
        { Recoverable: Recoverable.Late } => 2,
        { State: not GroupState.Protected } => 3,
        { Advice: not GroupAdvice.Nothing } => 4,
        _ => 5,
    };
}
