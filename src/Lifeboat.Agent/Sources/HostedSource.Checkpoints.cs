// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Contracts.Agents;
using Lifeboat.Protection;
using Lifeboat.Protection.RecoveryPoints;
using Lifeboat.Replication.Checkpoints;
using Lifeboat.Replication.Shipping;
using Microsoft.Extensions.Logging;

namespace Lifeboat.Agent.Sources;

internal sealed partial class HostedSource
{
    // Somebody waits for a point that was asked for; one by policy may be tried until the next is due.
    private static readonly TimeSpan RetryOnRequest = TimeSpan.FromSeconds(30);

    private TaskCompletionSource _policyChanged = NewSignal();
    private volatile QuiesceReport? _lastQuiesce;

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <exception cref="ProblemException">No checkpoint was made, with the reason.</exception>
    public async Task<CheckpointResult> CheckpointAsync(CheckpointRequest request, CancellationToken ct)
    {
        if (request.Quiesce) return await QuiescedAsync(request, ct);
        var quiesced = request.CleanShutdown
            ? Spec.Instances.ToDictionary(i => i.Name, _ => Consistency.CleanShutdown)
            : [];
        var outcome = await new RepeatedCut(_parts.Time).TakeAsync(
            () => _source.CheckpointAsync(quiesced, request.Label, null, ct),
            () => Status().Phase == SourcePhase.Streaming, ct);
        return await SealAsync(outcome, request, null, ct);
    }

    /// <summary>For a checkpoint shared with other groups.</summary>
    public Task<GroupSource.SharedCut> ReserveAsync(CancellationToken ct) => _source.ReserveAsync(ct);

    /// <returns>False: the time was up first.</returns>
    /// <exception cref="ProblemException">CaptureLost: the point will never be sealed.</exception>
    public async Task<bool> WaitSealedAsync(Guid point, TimeSpan limit, CancellationToken ct)
    {
        var fate = await _source.WaitSealedAsync(point, limit, ct);
        if (fate is PointFate.Lost or PointFate.Unknown)
            throw new ProblemException(ReasonCode.CaptureLost,
                $"the checkpoint of group {Spec.Group} was lost before it was durable at the recovery site");
        return fate == PointFate.Sealed;
    }

    private async Task<CheckpointResult> QuiescedAsync(CheckpointRequest request, CancellationToken ct)
    {
        QuiescedOutcome outcome;
        // One at a time: two would thaw each other's guests.
        await _quiescing.WaitAsync(ct);
        try
        {
            outcome = await _quiesced.TakeAsync(Members(Spec), Spec.Policy.QuiesceLimit,
                Spec.Policy.QuiesceInterval ?? RetryOnRequest, (reached, note, confirm, token) =>
                    _source.CheckpointAsync(reached, request.Label, note, confirm, token), ct);
        }
        finally
        {
            _quiescing.Release();
        }
        Report(outcome);
        return await SealAsync(outcome.Checkpoint, request, outcome.Frozen, ct);
    }

    // With `degrade` a point was made all the same: the failures say what was not quiesced.
    private void Report(QuiescedOutcome outcome)
    {
        var point = outcome.Checkpoint.Point;
        var reason = outcome.Failures.Count > 0 ? ReasonCode.QuiesceFailed : outcome.Checkpoint.Reason;
        _lastQuiesce = new QuiesceReport(point?.CutAt ?? _parts.Time.GetUtcNow(), point?.Id, point?.Consistency, reason,
            outcome.Failures.Count > 0 ? string.Join("; ", outcome.Failures) : outcome.Checkpoint.Detail);
    }

    // One whose rule has no step needs no rest: nothing is asked of it, and it holds nothing down.
    private static IReadOnlyList<QuiesceMember> Members(SourceSpec spec) =>
    [
        .. from instance in spec.Instances
           let rule = spec.Policy.Quiesce.Of(instance.Name)
           where rule.Steps.Count > 0
           orderby rule.Order
           select new QuiesceMember(instance.Name, rule.OnFailure ?? spec.Policy.OnQuiesceFailure, rule.Retries),
    ];

    private async Task<CheckpointResult> SealAsync(
        CheckpointOutcome outcome, CheckpointRequest request, TimeSpan? frozen, CancellationToken ct)
    {
        if (outcome.Point is not { } point)
            throw new ProblemException(outcome.Reason == ReasonCode.None ? ReasonCode.Unexpected : outcome.Reason,
                $"no checkpoint of group {Spec.Group} could be made", outcome.Detail);
        if (request.WaitSealed is not { } wait) return new CheckpointResult(point, false, outcome.Held, frozen);
        var isSealed = await WaitSealedAsync(point.Id, wait, ct);
        return new CheckpointResult(isSealed ? point with { State = PointState.Sealed } : point, isSealed,
            outcome.Held, frozen);
    }

    private async Task QuiescePeriodicallyAsync(CancellationToken ct)
    {
        try
        {
            while (true)
            {
                // A change of the policy begins a new interval.
                var changed = Volatile.Read(ref _policyChanged).Task;
                using var stop = CancellationTokenSource.CreateLinkedTokenSource(ct);
                var due = Task.Delay(Spec.Policy.QuiesceInterval ?? Timeout.InfiniteTimeSpan, _parts.Time, stop.Token);
                var first = await Task.WhenAny(due, changed);
                await stop.CancelAsync();
                ct.ThrowIfCancellationRequested();
                if (first == due && Status().Phase == SourcePhase.Streaming) await QuiesceOnceAsync(ct);
            }
        }
        catch (OperationCanceledException)
        {
            // The source stops.
        }
    }

    private async Task QuiesceOnceAsync(CancellationToken ct)
    {
        try
        {
            await CheckpointAsync(new CheckpointRequest(true, false, Spec.Policy.QuiesceLabel, null), ct);
        }
        catch (ProblemException e)
        {
            LogNoQuiescedPoint(Spec.Group, e.Reason, e.Message);
        }
    }

    [LoggerMessage(EventIds.NoQuiescedPoint, LogLevel.Warning, "No quiesced point of {Group}: {Reason}: {Detail}")]
    private partial void LogNoQuiescedPoint(string group, ReasonCode reason, string detail);
}
