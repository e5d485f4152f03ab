// SPDX-License-Identifier: Apache-2.0
using System.Data.Common;
using Lifeboat.Contracts;
using Lifeboat.Protection;
using Lifeboat.Protection.Plans;
using Lifeboat.Recovery.Steps;
using Lifeboat.Sites;
using Microsoft.Extensions.Logging;

namespace Lifeboat.Recovery.Runs;

public sealed partial class Runner
{
    private async Task ForwardAsync(Execution execution, CancellationToken ct)
    {
        while (execution.Run.Steps.FirstOrDefault(s => !s.Done) is { } step)
        {
            // Asked for just before the instances ran here, it comes too late after that, as if it had been asked then.
            var cancelled = RunRules.InstancesMoved(execution.Run) ? CancellationToken.None : execution.CancelAsked;
            var failure = cancelled.IsCancellationRequested
                ? CancelledFailure
                : await RunStepAsync(execution, step, cancelled, ct);
            if (failure is null) continue;
            await SaveAsync(execution, Given(execution.Run, step.Index, failure) with
            {
                Unwinding = true,
                Reason = failure.Reason,
                Detail = $"{step.Name}: {failure.Message}",
            }, ct);
            return;
        }
    }

    // Cancelled when its controller was killed in the middle of a step: who came after does not begin it again, and its
    // report must not say for ever that it runs.
    private Run Given(Run run, int index, StepFailure failure) => run.Steps[index].State is not StepState.Running ? run
        : run.With(run.Steps[index] with
        {
            State = StepState.Failed,
            FinishedAt = time.GetUtcNow(),
            Reason = failure.Reason,
            Evidence = [failure.Message],
        });

    /// <summary>Runs one step, several times when the failure may pass.</summary>
    /// <returns>Null when it is done; else why it is not.</returns>
    private async Task<StepFailure?> RunStepAsync(Execution execution, RunStep step, CancellationToken cancelAsked,
        CancellationToken ct)
    {
        // Ends when the controller stops (ct: the run stays as it is) or a person cancels (that fails the step).
        using var either = CancellationTokenSource.CreateLinkedTokenSource(ct, cancelAsked);
        var delay = options.RetryDelay;
        long? away = null;
        for (var attempt = 1; ; attempt++)
        {
            step = Begun(execution.Run.Steps[step.Index]);
            await SaveAsync(execution, execution.Run.With(step), ct);
            var failure = await AttemptAsync(execution, step, either.Token, ct);
            if (failure is null)
            {
                // Outside of the attempt: should this fail, a step that is done must not be done again.
                await store.AddDurationAsync(
                    step.Name, execution.Run.Group, execution.Run.Steps[step.Index].Duration!.Value, ct);
                return null;
            }
            away = failure.Reason is ReasonCode.CloudUnavailable ? away ?? time.GetTimestamp() : null;
            if (IsTriedAgain(failure, attempt, execution.Run.Unwinding ? null : away)
                && !cancelAsked.IsCancellationRequested)
            {
                LogStepRetried(execution.Run.Id, step.Name, failure.Reason, failure.Message, delay);
                // Whoever looks at the run sees what it waits for.
                await SaveAsync(execution, execution.Run.With(step with
                {
                    Reason = failure.Reason,
                    Evidence = [failure.Message],
                }), ct);
                if (await PausedAsync(delay, either.Token, ct)) { delay = Longer(delay); continue; }
                failure = CancelledFailure;
            }
            LogStepFailed(failure.Cause, execution.Run.Id, step.Name, failure.Reason, failure.Message);
            await SaveAsync(execution, execution.Run.With(step with
            {
                State = StepState.Failed,
                FinishedAt = time.GetUtcNow(),
                Reason = failure.Reason,
                Evidence = [failure.Message, .. failure.Details],
            }), ct);
            return failure;
        }
    }

    private bool IsTriedAgain(StepFailure failure, int attempt, long? away) => failure.WorthRetrying
        && (attempt < options.AttemptsMax
            || away is { } since && time.GetElapsedTime(since) < options.OutageLimit);

    private TimeSpan Longer(TimeSpan delay) =>
        delay * 2 < options.RetryDelayMax ? delay * 2 : options.RetryDelayMax;

    private async Task<StepFailure?> AttemptAsync(Execution execution, RunStep step, CancellationToken either,
        CancellationToken ct)
    {
        using var traced = RunTracing.Begin(execution.Run, step);
        try
        {
            var outcome = await catalog.Read(step).RunAsync(Context(execution, step), either);
            await SaveOutcomeAsync(execution, step, outcome, ct);
            return null;
        }
        catch (OperationCanceledException) when (ct.IsCancellationRequested)
        {
            throw;
        }
        catch (OperationCanceledException) when (either.IsCancellationRequested)
        {
            return CancelledFailure;
        }
        // The top of a step: whatever it threw is its failure, stored and reported; nothing is hidden.
        catch (Exception e)
        {
            var failure = StepFailure.Of(e);
            RunTracing.Fail(traced, failure.Reason, failure.Message);
            return failure;
        }
    }

    private async Task SaveOutcomeAsync(Execution execution, RunStep step, StepOutcome outcome, CancellationToken ct)
    {
        var now = time.GetUtcNow();
        var done = step with
        {
            State = outcome.Warnings.Count > 0 ? StepState.Warned : StepState.Succeeded,
            FinishedAt = now,
            Reason = outcome.Reason,
            Evidence = outcome.Evidence,
            Warnings = outcome.Warnings,
        };
        var run = execution.Run.With(done);
        if (outcome.Output is { } output) run = run.WithOutput(output);
        if (outcome.Verified) run = run with { VerifiedAt = now };
        await SaveAsync(execution, run, ct);
    }

    /// <returns>False: cancelled by a person while it waited.</returns>
    private async Task<bool> PausedAsync(TimeSpan delay, CancellationToken either, CancellationToken ct)
    {
        try
        {
            await Task.Delay(delay, time, either);
            return true;
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            return false;
        }
    }

    // What a step asks of a site goes through its tenure: one that was stopped for a while asks for nothing more.
    private StepContext Context(Execution execution, RunStep step) => new(execution.Run,
        TenuredSide.Of(here, execution.Tenure), site => TenuredSide.Of(peers(site), execution.Tenure), time,
        execution.Released, (fraction, note) => Changed(execution.Run, new StepProgress(step.Index, fraction, note)));

    private RunStep Begun(RunStep step) => step with
    {
        State = StepState.Running,
        Attempts = step.Attempts + 1,
        StartedAt = step.StartedAt ?? time.GetUtcNow(),
        FinishedAt = null,
    };

    private static readonly StepFailure CancelledFailure =
        new(ReasonCode.None, "cancelled", [], WorthRetrying: false, Cause: null);

    private sealed record StepFailure(ReasonCode Reason, string Message, IReadOnlyList<string> Details,
        bool WorthRetrying, Exception? Cause)
    {
        public static StepFailure Of(Exception cause) => cause switch
        {
            ProblemException e => new(e.Reason, e.Message, Said(e), MayPass(e.Reason), e),
            SiteException e => Of(SiteProblem.Of(e)),
            DbException { IsTransient: true } e => new(ReasonCode.DatabaseUnavailable, e.Message, [], true, e),
            _ => new(ReasonCode.Unexpected, $"{cause.GetType().Name}: {cause.Message}", [], false, cause),
        };

        private static IReadOnlyList<string> Said(ProblemException e) =>
            e.Errors ?? (e.Detail is { } detail ? [detail] : []);

        private static bool MayPass(ReasonCode reason) => reason is ReasonCode.AgentUnreachable
            or ReasonCode.PeerUnreachable or ReasonCode.LinkDown or ReasonCode.MonitorUnreachable
            or ReasonCode.GuestAgentUnreachable or ReasonCode.DatabaseUnavailable or ReasonCode.CloudUnavailable;
    }

    [LoggerMessage(EventIds.StepFailed, LogLevel.Warning, "Run {Run}: step {Step} failed: {Reason}: {Message}")]
    private partial void LogStepFailed(Exception? cause, Guid run, string step, ReasonCode reason, string message);

    [LoggerMessage(EventIds.StepRetried, LogLevel.Warning,
        "Run {Run}: step {Step} failed: {Reason}: {Message}; it is tried again after {Delay}")]
    private partial void LogStepRetried(Guid run, string step, ReasonCode reason, string message, TimeSpan delay);
}
