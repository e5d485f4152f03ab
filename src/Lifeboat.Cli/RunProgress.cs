// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Contracts.Api;
using Lifeboat.Protection;
using Lifeboat.Protection.Plans;

namespace Lifeboat.Cli;

/// <summary>Follows a run on stderr, a line a step; a controller that restarts meanwhile is waited for.</summary>
internal static class RunProgress
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    public static async Task<RunInfo> FollowAsync(RunInfo run, CommandSession session, CancellationToken ct)
    {
        var told = new HashSet<(int, StepState)>();
        var lost = session.Time.GetTimestamp();
        while (!run.Finished)
        {
            try
            {
                await foreach (var change in session.Controller.WatchRunAsync(run.Id, ct))
                {
                    run = change;
                    Tell(run, told, session.Output);
                    lost = session.Time.GetTimestamp();
                }
                run = await session.Controller.RunAsync(run.Id, ct);
            }
            catch (Exception e) when (IsAway(e) && session.Time.GetElapsedTime(lost) < Patience)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(300), session.Time, ct);
            }
        }
        Tell(run, told, session.Output);
        return run;
    }

    private static bool IsAway(Exception e) =>
        e is HttpRequestException or IOException or ProblemException { Reason: ReasonCode.ControllerUnreachable };

    private static void Tell(RunInfo run, HashSet<(int, StepState)> told, CommandOutput output)
    {
        if (run.State is RunState.WaitingApproval && told.Add((-1, StepState.Pending)))
            output.Talk($"  waits for a second person: lifeboat run approve {run.Id}");
        foreach (var step in run.Steps)
        {
            if (step.State == StepState.Pending || !told.Add((step.Index, step.State))) continue;
            var took = step.Duration is { } d && step.State != StepState.Running ? $" ({Show.Span(d)})" : "";
            output.Talk($"  {step.Index + 1,2}/{run.Steps.Count} {Show.Name(step.State),-9} {step.Title}{took}");
            if (step.State == StepState.Running) continue;
            foreach (var line in step.Evidence) output.Talk($"        {line}");
        }
    }
}
