// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection;
using Lifeboat.Protection.Plans;
using Lifeboat.Recovery.Steps;
using Microsoft.Extensions.Logging;

namespace Lifeboat.Recovery.Runs;

public sealed partial class Runner
{
    private Task UnwindAsync(Execution execution, CancellationToken ct) =>
        execution.Run.Steps.Any(s => s.Always) ? CleanUpAsync(execution, ct) : UndoAsync(execution, ct);

    // Every clean-up is tried, also when the one before it failed: the less is left behind the better.
    private async Task CleanUpAsync(Execution execution, CancellationToken ct)
    {
        foreach (var step in execution.Run.Steps.Where(s => s.Always && !s.Done).ToList())
            await RunStepAsync(execution, step, CancellationToken.None, ct);
    }

    private async Task UndoAsync(Execution execution, CancellationToken ct)
    {
        foreach (var step in execution.Run.Steps.Reverse().ToList())
        {
            if (step.Barrier && step.Done) return;
            if (!step.Begun || step.State is StepState.Undone) continue;
            if (catalog.Read(step) is not IUndoableStep undoable) continue;
            // The site that a failover leaves is presumed dead: there is nobody to give the group back to while its
            // instances may run here. Taken up again the run finds them.
            if (!await IsUndoneAsync(execution, step, undoable, ct) && execution.Run.Kind is RunKind.Failover) return;
        }
    }

    /// <returns>False: it could not be, and its warning says why.</returns>
    private async Task<bool> IsUndoneAsync(Execution execution, RunStep step, IUndoableStep undoable, CancellationToken ct)
    {
        var delay = options.RetryDelay;
        for (var attempt = 1; ; attempt++)
        {
            var failure = await AttemptUndoAsync(execution, step, undoable, ct);
            if (failure is null)
            {
                await SaveAsync(execution, execution.Run.With(step with { State = StepState.Undone }), ct);
                return true;
            }
            if (failure.WorthRetrying && attempt < options.AttemptsMax)
            {
                await Task.Delay(delay, time, ct);
                delay = Longer(delay);
                continue;
            }
            LogUndoFailed(failure.Cause, execution.Run.Id, step.Name, failure.Reason, failure.Message);
            await SaveAsync(execution, execution.Run.With(step with
            {
                State = StepState.Failed,
                Warnings = [.. step.Warnings, $"{step.Name} could not be undone: {failure.Message}"],
            }), ct);
            return false;
        }
    }

    private async Task<StepFailure?> AttemptUndoAsync(Execution execution, RunStep step, IUndoableStep undoable,
        CancellationToken ct)
    {
        try
        {
            await undoable.UndoAsync(Context(execution, step), ct);
            return null;
        }
        catch (OperationCanceledException) when (ct.IsCancellationRequested)
        {
            throw;
        }
        // As for a step: whatever it threw is its failure, stored as a warning of the run.
        catch (Exception e)
        {
            return StepFailure.Of(e);
        }
    }

    [LoggerMessage(EventIds.UndoFailed, LogLevel.Error, "Run {Run}: step {Step} was not undone: {Reason}: {Message}")]
    private partial void LogUndoFailed(Exception? cause, Guid run, string step, ReasonCode reason, string message);
}
