// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Api;

namespace Lifeboat.Recovery.Runs;

/// <summary>A run as the API shows it.</summary>
public static class RunView
{
    public static RunInfo Of(Run run, StepProgress? progress, DateTimeOffset now) => new()
    {
        Id = run.Id,
        Group = run.Group,
        Kind = run.Kind,
        State = run.State,
        Reason = run.Reason,
        Detail = run.Detail,
        Site = run.Site,
        OtherSite = run.OtherSite,
        PointId = run.Find<Steps.PickedPoint>()?.Point.Id ?? run.Input.PointId,
        CreatedAt = run.CreatedAt,
        RequestedBy = run.Input.RequestedBy,
        ApprovedBy = run.Approval?.By,
        FinishedAt = run.FinishedAt,
        Elapsed = (run.FinishedAt ?? now) - run.CreatedAt,
        Predicted = run.Predicted,
        Steps = [.. run.Steps.Select(s => Of(s, progress?.Index == s.Index ? progress : null, now))],
        Warnings = [.. run.Warnings],
    };

    private static StepInfo Of(RunStep step, StepProgress? progress, DateTimeOffset now) => new(step.Index, step.Name,
        step.Title, step.State, step.Attempts, step.StartedAt,
        step.Duration ?? (step.State is Protection.Plans.StepState.Running ? now - step.StartedAt : null),
        step.Predicted, progress?.Fraction, progress?.Note, step.Reason, [.. step.Evidence, .. step.Warnings]);
}
