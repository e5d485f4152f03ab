// SPDX-License-Identifier: Apache-2.0
using System.Collections.Concurrent;
using Lifeboat.Contracts;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;
using Lifeboat.Protection.Plans;
using Lifeboat.Recovery.Plans;
using Lifeboat.Recovery.Sides;
using Lifeboat.Recovery.Steps;
using Microsoft.Extensions.Logging;

namespace Lifeboat.Recovery.Runs;

// Carries out runs. Every arrow is stored before the next begins, so a run goes on after the controller was killed.
//
//   PENDING ──► RUNNING: step 1 ─► step 2 ─► … ─► SUCCEEDED (with warnings)
//                  │ a step failed, or cancel was asked for
//                  ▼
//               UNWINDING: a drill: its clean-up steps, forward            ──► FAILED / CANCELLED
//                          a move: undo backwards to the last done barrier ──► ROLLED-BACK / CANCELLED
//                                  (a barrier was done: instances run)     ──► FAILED, may be retried
//
// Invariants: a group has at most one unfinished run. A step's outcome is stored before the next step's intent.
public sealed partial class Runner(IRunStore store, IOwnSide here, Func<string, ISiteSide> peers, StepCatalog catalog,
    RunnerOptions options, Func<Guid> newId, TimeProvider time, ILogger<Runner> logger)
{
    private readonly ConcurrentDictionary<Guid, Execution> _executions = new();

    /// <summary>Told of every stored change and of progress in between; must return at once.</summary>
    public Action<Run, StepProgress?> Changed { get; set; } = static (_, _) => { };

    /// <summary>Keeps a new run; <see cref="ExecuteAsync"/> carries it out.</summary>
    /// <exception cref="ProblemException">RunInProgress, WrongSite, InvalidRequest.</exception>
    public async Task<Run> CreateAsync(RunKind kind, GroupDefinition group, RunInput input, bool protectedNow,
        CancellationToken ct)
    {
        // A repeated request finds its run also after that run has turned the roles round.
        if (input.IdempotencyKey is { } key && await store.FindByKeyAsync(group.Name, key, ct) is { } same)
            return same;
        RunRules.Check(kind, group, input, here.Name);
        var steps = await PlanAsync(kind, group, input, protectedNow, ct);
        var run = new Run
        {
            Id = newId(),
            Group = group.Name,
            Kind = kind,
            Site = here.Name,
            State = input.FourEyes ? RunState.WaitingApproval : RunState.Pending,
            Input = input,
            Before = group,
            CreatedAt = time.GetUtcNow(),
            Predicted = Sum(steps),
            Versions = options.Versions,
            TraceParent = RunTracing.Current,
            Steps = steps,
        };
        if (await store.TryAddAsync(run, ct) is { } other) throw InProgress(other);
        Changed(run, null);
        return run;
    }

    /// <summary>The steps a run would have, with what earlier ones foretell.</summary>
    public async Task<IReadOnlyList<RunStep>> PlanAsync(RunKind kind, GroupDefinition group, RunInput input,
        bool protectedNow, CancellationToken ct)
    {
        var steps = new List<RunStep>();
        foreach (var planned in RecoveryPlan.For(kind, group, input, protectedNow))
        {
            var name = StepCatalog.NameOf(planned.Step);
            var durations = await store.DurationsAsync(name, group.Name, ct);
            steps.Add(Prepared(planned, name, steps.Count) with { Predicted = Prediction.Of(planned.Step, durations) });
        }
        return steps;
    }

    /// <summary>Carries a run out as the only controller of the site.</summary>
    public Task<Run> ExecuteAsync(Guid id, CancellationToken ct) => ExecuteAsync(id, Tenure.Sole, ct);

    /// <summary>Carries a run out to its end, from wherever it is.</summary>
    /// <param name="tenure">Of its group's lease: with it ends what this controller may do for the run.</param>
    /// <param name="ct">The controller stops: the run stays as it is, to be resumed.</param>
    /// <exception cref="OperationCanceledException">The controller stops, or the tenure is over.</exception>
    public async Task<Run> ExecuteAsync(Guid id, Tenure tenure, CancellationToken ct)
    {
        var run = await store.FindAsync(id, ct) ?? throw Unknown(id);
        if (run.Finished) return run;
        if (run.State is RunState.WaitingApproval && !(await store.SignalsAsync(id, ct)).Cancel) return run;
        // Either way the run stays as it is: this process goes, or another controller has taken the run over.
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(ct, tenure.Over);
        using var execution = new Execution(run, here, tenure);
        Invariant.Holds(_executions.TryAdd(id, execution), "a run is carried out once at a time");
        try
        {
            await ApplySignalsAsync(execution, stop.Token);
            return await ExecuteAsync(execution, stop.Token);
        }
        finally
        {
            _executions.TryRemove(id, out _);
        }
    }

    /// <summary>Cancels a run, or ends the hold of a drill.</summary>
    /// <exception cref="ProblemException">RunUnknown; WrongState: finished, or past the point of no return.</exception>
    public async Task<Run> SignalAsync(Guid id, RunSignal signal, CancellationToken ct)
    {
        var run = await store.FindAsync(id, ct) ?? throw Unknown(id);
        RunRules.CheckSignal(run, signal);
        await store.SignalAsync(id, signal, ct);
        if (_executions.TryGetValue(id, out var execution)) execution.Apply(signal);
        return run;
    }

    /// <summary>What was asked at other controllers of the site reaches the runs that are carried out here.</summary>
    public async Task ApplySignalsAsync(CancellationToken ct)
    {
        foreach (var execution in _executions.Values) await ApplySignalsAsync(execution, ct);
    }

    private async Task ApplySignalsAsync(Execution execution, CancellationToken ct)
    {
        var signals = await store.SignalsAsync(execution.Run.Id, ct);
        if (signals.Release) execution.Apply(RunSignal.Release);
        if (signals.Cancel) execution.Apply(RunSignal.Cancel);
    }

    /// <summary>Lets a run begin that waits for a second person; <see cref="ExecuteAsync"/> carries it out.</summary>
    /// <exception cref="ProblemException">RunUnknown; WrongState; NotAllowed: who asked for it.</exception>
    public async Task<Run> ApproveAsync(Guid id, string by, CancellationToken ct)
    {
        var run = await store.FindAsync(id, ct) ?? throw Unknown(id);
        RunRules.CheckApproval(run, by, (await store.SignalsAsync(id, ct)).Cancel);
        var approved = run with { State = RunState.Pending, Approval = new RunApproval(by, time.GetUtcNow()) };
        if (await store.TryReopenAsync(approved, RunState.WaitingApproval, ct) is { } other)
        {
            if (other.Id != id) throw InProgress(other);
            // Somebody was faster; the rules say so in words.
            RunRules.CheckApproval(other, by, cancelled: true);
        }
        Changed(approved, null);
        LogRunApproved(id, run.Kind, run.Group, by);
        return approved;
    }

    /// <summary>Takes a failed run up again, or of a drill what it could not clean up; <see cref="ExecuteAsync"/>
    /// carries it out.</summary>
    public async Task<Run> RetryAsync(Guid id, CancellationToken ct)
    {
        var run = await store.FindAsync(id, ct) ?? throw Unknown(id);
        RunRules.CheckRetry(run);
        var again = RunRules.Again(run);
        if (await store.TryReopenAsync(again, run.State, ct) is { } other)
        {
            if (other.Id != id) throw InProgress(other);
            RunRules.CheckRetry(other);
            throw InProgress(other);
        }
        Changed(again, null);
        return again;
    }

    private async Task<Run> ExecuteAsync(Execution execution, CancellationToken ct)
    {
        var run = execution.Run;
        using var traced = RunTracing.Begin(run);
        if (run.State is RunState.Pending) LogRunStarted(run.Id, run.Kind, run.Group);
        else LogRunResumed(run.Id, run.Kind, run.Group);
        await SaveAsync(execution, run with { State = RunState.Running }, ct);
        if (!execution.Run.Unwinding) await ForwardAsync(execution, ct);
        if (execution.Run.Unwinding) await UnwindAsync(execution, ct);
        await FinishAsync(execution, ct);
        RunTracing.End(traced, execution.Run);
        return execution.Run;
    }

    private async Task FinishAsync(Execution execution, CancellationToken ct)
    {
        var run = execution.Run;
        var state = RunRules.Outcome(run);
        await SaveAsync(execution, run with
        {
            State = state,
            FinishedAt = time.GetUtcNow(),
            Steps =
            [
                .. run.Steps.Select(s => s.State is StepState.Pending ? s with { State = StepState.Skipped } : s),
            ],
        }, ct);
        LogRunFinished(run.Id, run.Kind, run.Group, state, run.Reason);
    }

    private async Task SaveAsync(Execution execution, Run next, CancellationToken ct)
    {
        execution.Replace(next);
        if (!await store.SaveAsync(execution.Run, execution.Tenure, ct))
        {
            execution.Tenure.End();
            ct.ThrowIfCancellationRequested();
        }
        Changed(execution.Run, null);
    }

    private static RunStep Prepared(PlannedStep planned, string name, int index) => new()
    {
        Index = index,
        Name = name,
        Title = planned.Step.Describe(),
        Parameters = System.Text.Json.JsonSerializer.SerializeToElement(planned.Step, planned.Step.GetType(),
            RunJson.Options),
        Always = planned.Always,
        Barrier = planned.Barrier,
    };

    private static TimeSpan? Sum(IReadOnlyList<RunStep> steps) => steps.All(s => s.Predicted is null) ? null
        : TimeSpan.FromTicks(steps.Sum(s => (s.Predicted ?? TimeSpan.Zero).Ticks));

    private static ProblemException Unknown(Guid id) => new(ReasonCode.RunUnknown, $"there is no run {id}");

    private static ProblemException InProgress(Run other) => new(ReasonCode.RunInProgress,
        $"group {other.Group} has a run under way", $"{other.Kind} {other.Id}, since {other.CreatedAt:u}");

    [LoggerMessage(EventIds.RunStarted, LogLevel.Information, "Run {Run} ({Kind} of {Group}) was started")]
    private partial void LogRunStarted(Guid run, RunKind kind, string group);

    [LoggerMessage(EventIds.RunApproved, LogLevel.Information, "Run {Run} ({Kind} of {Group}) was approved by {By}")]
    private partial void LogRunApproved(Guid run, RunKind kind, string group, string by);

    [LoggerMessage(EventIds.RunResumed, LogLevel.Information, "Run {Run} ({Kind} of {Group}) was resumed")]
    private partial void LogRunResumed(Guid run, RunKind kind, string group);

    [LoggerMessage(EventIds.RunFinished, LogLevel.Information,
        "Run {Run} ({Kind} of {Group}) ended {State}, reason {Reason}")]
    private partial void LogRunFinished(Guid run, RunKind kind, string group, RunState state, ReasonCode reason);
}
