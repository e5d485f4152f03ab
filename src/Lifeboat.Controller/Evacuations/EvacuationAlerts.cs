// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Api;
using Lifeboat.Controller.Alerts;
using Lifeboat.Controller.Sides;
using Lifeboat.Controller.Storage;
using Lifeboat.Controller.Watching;
using Lifeboat.Protection;
using Lifeboat.Protection.Plans;
using Lifeboat.Recovery.Evacuations;

namespace Lifeboat.Controller.Evacuations;

/// <summary>
/// Tells of evacuations that wait for somebody, and of those that left groups where they were, until these are here or
/// a day is over. One that was paused or cancelled has somebody who knows.
/// </summary>
internal sealed class EvacuationAlerts(EvacuationStore store, GroupStore groups, LocalSide here)
    : IWatcher, IRaisesAlerts
{
    private static readonly TimeSpan For = TimeSpan.FromDays(1);

    private volatile IReadOnlyList<Evacuation> _recent = [];

    public async Task SeeAsync(Observation observation, CancellationToken ct) =>
        _recent = await store.SinceAsync(observation.At - For, ct);

    public IReadOnlyList<Condition> Conditions(Observation now) => [.. _recent.Select(Of).OfType<Condition>()];

    private Condition? Of(Evacuation evacuation) => evacuation.State switch
    {
        EvacuationState.Holding => Waits(evacuation),
        EvacuationState.Failed or EvacuationState.SucceededWithFailures => Left(evacuation),
        _ => null,
    };

    private static Condition Waits(Evacuation evacuation)
    {
        var failed = evacuation.Groups.Count(g => g.State is EvacueeState.Failed);
        return About(evacuation, AlertSeverity.Warning, ReasonCode.None,
            $"the evacuation of {evacuation.From} waits: wave {evacuation.Wave} of {evacuation.Waves} has ended, "
            + $"{evacuation.Groups.Count(g => g.State is EvacueeState.Moved)} of {evacuation.Groups.Count} groups "
            + "are moved" + (failed > 0 ? $", {failed} could not be" : ""),
            $"`lifeboat evacuation get {evacuation.Id}` shows what was done; `lifeboat evacuation continue "
            + $"{evacuation.Id}` begins the next wave.");
    }

    // A group that was moved since, by hand or by another evacuation, is not missing any more.
    private Condition? Left(Evacuation evacuation)
    {
        var elsewhere = groups.All().Where(g => !g.Removed && g.Definition.PrimarySite != here.Name)
            .Select(g => g.Definition.Name).ToHashSet(StringComparer.Ordinal);
        var left = evacuation.Groups.Where(g => g.State is not EvacueeState.Moved && elsewhere.Contains(g.Group))
            .ToList();
        if (left.Count == 0) return null;
        var first = left.Find(g => g.Detail is not null) ?? left[0];
        return About(evacuation, AlertSeverity.Critical, first.Reason,
            $"the evacuation of {evacuation.From} has ended, and {left.Count} of {evacuation.Groups.Count} groups were "
            + $"not moved: {string.Join(", ", left.Select(g => g.Group))}"
            + (first.Detail is { } why ? $"; {first.Group}: {why}" : ""),
            $"`lifeboat evacuation get {evacuation.Id}` says why for each. Mend that, then move them: `lifeboat "
            + "failover GROUP --planned`, or another evacuation, which leaves out what is here.");
    }

    private static Condition About(
        Evacuation evacuation, AlertSeverity severity, ReasonCode reason, string summary, string advice) =>
        new(AlertKind.EvacuationUnfinished, severity, $"evacuation {evacuation.Id}", reason, summary, advice)
        {
            Tenant = evacuation.Tenant,
            Patience = TimeSpan.Zero,
            Linger = TimeSpan.Zero,
        };
}
