// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Api;
using Lifeboat.Protection.Groups;
using Lifeboat.Protection.Plans;
using Lifeboat.Protection.RecoveryPoints;
using Lifeboat.Recovery.Runs;
using Lifeboat.Recovery.Steps;

namespace Lifeboat.Recovery.Reports;

/// <summary>What is said of a finished run. Pure: the stored run alone gives the report.</summary>
public static class RunReports
{
    public static ReportBody Of(Run run)
    {
        var picked = run.Find<PickedPoint>();
        return new ReportBody
        {
            Run = run.Id,
            Group = run.Group,
            Kind = run.Kind,
            Outcome = run.State,
            Reason = run.Reason,
            Detail = run.Detail,
            Site = run.Site,
            PrimaryBefore = run.Before.PrimarySite,
            PrimaryAfter = PrimaryAfter(run),
            StartedAt = run.CreatedAt,
            FinishedAt = run.FinishedAt ?? run.CreatedAt,
            RequestedBy = run.Input.RequestedBy,
            ApprovedBy = run.Approval?.By,
            ApprovedAt = run.Approval?.At,
            Point = picked?.Point,
            Rpo = Rpo(run, picked),
            Rto = Rto(run),
            Steps = [.. run.Steps.Select(Step)],
            Warnings = [.. run.Warnings],
            Resyncs = [.. (run.Find<Resyncs>()?.Done ?? []).Select(r =>
                new ReportedResync(r.From, r.To, r.Kind, r.MovedBytes, r.ExaminedBytes))],
            PeerRequests = run.PeerRequests,
            Versions = run.Versions,
        };
    }

    private static string PrimaryAfter(Run run)
    {
        if (run.Kind is RunKind.Resolve)
        {
            var done = run.Steps.Any(s => s is { Name: "raise-epoch", Done: true });
            return done ? run.Input.Resolution!.Winner : run.Before.PrimarySite;
        }
        var moved = run.Kind is not (RunKind.TestFailover or RunKind.Reprotect)
            && run.Steps.Any(s => s.Done && RunRules.BringsUp(s.Name));
        return moved ? run.Site : run.Before.PrimarySite;
    }

    private static ReportedRpo Rpo(Run run, PickedPoint? picked)
    {
        var target = run.Before.Policy.RpoTarget;
        if (picked is null)
            return new(target, null, null, null, null, true, "No recovery point was used.");
        var cut = picked.Point.CutAt;
        if (picked.Point.Consistency is Consistency.CleanShutdown)
        {
            return new(target, TimeSpan.Zero, TimeSpan.Zero, cut, picked.SourceLastSeen, true,
                "The guests were shut down and everything they wrote was at the recovery site before the move: "
                + "nothing is missing.");
        }
        var bound = NotNegative(run.BegunAt - cut);
        var reached = picked.SourceLastSeen is { } seen ? NotNegative(Earlier(seen, run.BegunAt) - cut) : bound;
        var lastSeen = picked.SourceLastSeen is { } at ? $"was last seen at {at:u}" : "was not seen by this controller";
        return new(target, reached, bound, cut, picked.SourceLastSeen,
            run.Before.Policy.PromisedRpo() is null || reached <= target,
            $"Data up to {cut:u} (source clock); the source {lastSeen}. What it acknowledged between the cut and its "
            + $"end is missing: at most {bound.TotalSeconds:0.0} s, the time from the cut to the start of this run.");
    }

    private static ReportedRto Rto(Run run)
    {
        var target = run.Before.Policy.RtoTarget;
        var verifyIndex = run.Steps.FirstOrDefault(s => s.Name == "verify")?.Index ?? -1;
        var first = run.Steps.FirstOrDefault(s => s.Name == "shut-down-instances")?.Index ?? 0;
        var foretold = run.Steps.Where(s => s.Index >= first && s.Index <= verifyIndex && s.Predicted is not null)
            .ToList();
        var predicted = foretold.Count == 0 ? (TimeSpan?)null
            : TimeSpan.FromTicks(foretold.Sum(s => s.Predicted!.Value.Ticks));
        var reached = run.Took;
        var met = verifyIndex < 0 || reached is { } took && took <= target;
        return new(target, reached, predicted, met);
    }

    private static ReportedStep Step(RunStep step) => new(step.Index, step.Name, step.Title, step.State, step.Attempts,
        step.StartedAt, step.Duration, step.Predicted, step.Reason, [.. step.Evidence, .. step.Warnings]);

    private static DateTimeOffset Earlier(DateTimeOffset a, DateTimeOffset b) => a < b ? a : b;

    // Two clocks are compared: a source clock that runs ahead must not make a negative loss.
    private static TimeSpan NotNegative(TimeSpan span) => span < TimeSpan.Zero ? TimeSpan.Zero : span;
}
