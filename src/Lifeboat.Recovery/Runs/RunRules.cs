// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;
using Lifeboat.Protection.Plans;
using Lifeboat.Recovery.Plans;

namespace Lifeboat.Recovery.Runs;

/// <summary>What may be asked of a run, and how one ended. Pure.</summary>
public static class RunRules
{
    /// <exception cref="ProblemException">WrongSite, or InvalidRequest with all faults.</exception>
    public static void Check(RunKind kind, GroupDefinition group, RunInput input, string here)
    {
        var site = RecoveryPlan.SiteOf(kind, group);
        if (site != here)
        {
            throw new ProblemException(ReasonCode.WrongSite,
                $"a {Name(kind)} of group {group.Name} runs at site {site}, this is {here}",
                $"Ask the controller of {site}.");
        }
        var faults = Faults(kind, group, input).ToList();
        if (faults.Count > 0)
            throw new ProblemException(ReasonCode.InvalidRequest, $"the {Name(kind)} cannot be run so", null, faults);
    }

    /// <exception cref="ProblemException">WrongState.</exception>
    public static void CheckSignal(Run run, RunSignal signal)
    {
        if (run.Finished)
            throw new ProblemException(ReasonCode.WrongState, $"run {run.Id} is over: {run.State}");
        if (signal is RunSignal.Release && run.Kind is not RunKind.TestFailover)
            throw new ProblemException(ReasonCode.WrongState, $"a {Name(run.Kind)} has no hold to release");
        if (signal is RunSignal.Cancel && InstancesMoved(run))
        {
            throw new ProblemException(ReasonCode.WrongState,
                $"the instances of group {run.Group} run at {run.Site}; the run goes on to its end",
                "Move them back with a planned failover or failback when it is over.");
        }
    }

    /// <param name="cancelled">It was asked to be cancelled.</param>
    /// <exception cref="ProblemException">WrongState; NotAllowed: who asked for a run does not approve it.</exception>
    public static void CheckApproval(Run run, string by, bool cancelled)
    {
        if (run.State is not RunState.WaitingApproval || cancelled)
            throw new ProblemException(ReasonCode.WrongState,
                $"run {run.Id} does not wait to be approved: {run.State}");
        if (run.Input.RequestedBy == by)
            throw new ProblemException(ReasonCode.NotAllowed,
                $"{by} asked for run {run.Id}, so somebody else approves it",
                $"Who has the rights for a {Name(run.Kind)}: lifeboat run approve {run.Id}.");
    }

    /// <exception cref="ProblemException">WrongState.</exception>
    public static void CheckRetry(Run run)
    {
        if (run.State is RunState.Failed && run.Kind is not RunKind.TestFailover
            && run.Steps.All(s => s.State is not StepState.Undone)) return;
        if (LeftSomething(run)) return;
        throw new ProblemException(ReasonCode.WrongState,
            $"run {run.Id} is {run.State} and cannot be taken up again", "Start a new run.");
    }

    /// <summary>A run that is taken up again, as it begins. A drill whose copies were seen to run goes on to its
    /// end; of one that failed or was cancelled before only the clean-up does, and why it failed stays.</summary>
    public static Run Again(Run run)
    {
        var cleansUp = run.Kind is RunKind.TestFailover && run.Steps.Any(s => !s.Always && !s.Done);
        return run with
        {
            State = RunState.Running,
            Reason = cleansUp ? run.Reason : ReasonCode.None,
            Detail = cleansUp ? run.Detail : null,
            Unwinding = cleansUp,
            FinishedAt = null,
            Steps =
            [
                .. run.Steps.Select(s => s.Done || cleansUp && !s.Always ? s
                    : s with { State = StepState.Pending, FinishedAt = null }),
            ],
        };
    }

    // A drill is not drilled again in the same run.
    private static bool LeftSomething(Run run) => run.Kind is RunKind.TestFailover && run.Finished
        && run.Steps.Any(s => s is { Always: true, State: StepState.Failed });

    public static RunState Outcome(Run run)
    {
        if (!run.Unwinding) return run.Warnings.Any() ? RunState.SucceededWithWarnings : RunState.Succeeded;
        if (run.Reason is ReasonCode.None) return RunState.Cancelled;
        var undone = run.Steps.Any(s => s.State is StepState.Undone);
        var partly = run.Steps.Any(s => s.Barrier && s.Done || s.Warnings.Any(w => w.Contains("be undone")));
        return undone && !partly ? RunState.RolledBack : RunState.Failed;
    }

    public static string Name(RunKind kind) => kind switch
    {
        RunKind.TestFailover => "test failover",
        RunKind.Failover => "failover",
        RunKind.PlannedFailover => "planned failover",
        RunKind.Reprotect => "reprotect",
        RunKind.Failback => "failback",
        RunKind.Resolve => "resolve",
    };

    /// <summary>The names of the group lead to where the run runs, when it is over.</summary>
    public static bool LeadsNames(RunKind kind) =>
        kind is RunKind.Failover or RunKind.PlannedFailover or RunKind.Failback;

    /// <summary>They run at the new site: there is no way back but another run.</summary>
    public static bool InstancesMoved(Run run) =>
        run.Kind is RunKind.Failover or RunKind.PlannedFailover or RunKind.Failback
        && run.Steps.Any(s => BringsUp(s.Name) && s.Done);

    /// <summary>After this step the group is where the run runs.</summary>
    public static bool BringsUp(string step) => step is "start-instances" or "restore-volumes"
        or "take-over-volumes";

    /// <summary>A step that could not be undone, and without that nothing before it is: the site that a failover leaves
    /// is presumed dead, so there is nobody to give the group back to while its instances may run here. Taken up again
    /// the run finds them.</summary>
    public static bool Holds(Run run, RunStep step) =>
        run.Kind is RunKind.Failover && BringsUp(step.Name);

    private static IEnumerable<string> Faults(RunKind kind, GroupDefinition group, RunInput input)
    {
        if (input.PointId is not null && kind is not (RunKind.TestFailover or RunKind.Failover))
            yield return $"pointId: a {Name(kind)} makes its own point";
        if (input.Hold is not null && kind is not RunKind.TestFailover)
            yield return "hold: only a test failover can be held open";
        if (input.Hold is { } hold && (hold < TimeSpan.Zero || hold > TimeSpan.FromDays(7)))
            yield return $"hold is {hold}; allowed is 0 to 7 days";
        if (input.Ways.Count > 0 && kind is not RunKind.TestFailover)
            yield return "ways: only into a test failover one is opened";
        else if (input.Ways.Count > 0 && input.Hold is null)
            yield return "ways: they are there as long as the drill is held open, and hold says how long that is";
        foreach (var text in input.Ways)
        {
            var (way, problem) = DrillWay.Parse(text);
            if (problem is not null) yield return problem;
            else if (group.Members.All(m => m.Instance != way!.Instance))
                yield return $"way '{text}': {way!.Instance} is not in group {group.Name}";
        }
        if (kind is RunKind.Resolve && input.Resolution is null) yield return "choice: a resolve needs one";
        if (kind is RunKind.Resolve && group.Fork is not { Loser: null })
            yield return $"group {group.Name} has no fork that anybody would have to choose about";
        foreach (var text in input.Checks)
        {
            var (check, problem) = Protection.Plans.Check.Parse(text);
            if (problem is not null) yield return problem;
            else if (check!.Instance is { } name && group.Members.All(m => m.Instance != name))
                yield return $"check '{text}': {name} is not in group {group.Name}";
        }
        if (input.IdempotencyKey is { Length: 0 or > 100 }) yield return "idempotencyKey has 1 to 100 characters";
    }
}
