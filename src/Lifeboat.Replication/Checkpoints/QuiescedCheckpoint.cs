// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection;
using Lifeboat.Protection.Policies;
using Lifeboat.Protection.RecoveryPoints;
using Microsoft.Extensions.Logging;

namespace Lifeboat.Replication.Checkpoints;

// An application-consistent checkpoint:
//
//   FREEZE each instance in order ──► CUT ──► THAW all, in reverse order ──► CONFIRM or withdraw
//      │ one fails: Strict, or Degrade         ▲
//      └───────────────────────────────────────┘ always, also when cancelled
//
// Only the thaw tells whether an instance was still frozen at the cut or its dead-man came first. The checkpoint is not
// shipped before that is known: one that would claim too much is withdrawn, and Degrade cuts another that does not.
public sealed partial class QuiescedCheckpoint(IQuiesceInstances port, TimeProvider time,
    ILogger<QuiescedCheckpoint> logger)
{
    private static readonly TimeSpan ThawLimit = TimeSpan.FromSeconds(10);

    /// <summary>Freezes, cuts and thaws.</summary>
    /// <param name="instances">In the order to freeze.</param>
    /// <param name="limit">The dead-man of each instance, armed before its freeze.</param>
    public async Task<QuiescedOutcome> TakeAsync(IReadOnlyList<string> instances, TimeSpan limit,
        QuiesceFailure onFailure, CutCheckpoint cut, CancellationToken ct)
    {
        var round = new Round(time.GetTimestamp());
        CheckpointOutcome outcome;
        try
        {
            await FreezeAsync(round, instances, limit, onFailure, ct);
            outcome = round.Failures.Count > 0 && onFailure == QuiesceFailure.Strict
                ? new CheckpointOutcome(null, TimeSpan.Zero, ReasonCode.QuiesceFailed, round.Note)
                : await cut(round.Reached.ToDictionary(), round.Note, () => ThawAllAsync(round), ct);
        }
        finally
        {
            await ThawAllAsync(round);
        }
        if (!round.ThawedEarly || onFailure == QuiesceFailure.Strict)
            return new QuiescedOutcome(outcome, round.Frozen, round.Failures);
        foreach (var instance in instances) round.Reached[instance] = Consistency.Crash;
        outcome = await cut(round.Reached.ToDictionary(), round.Note, () => Task.FromResult(true), ct);
        return new QuiescedOutcome(outcome, round.Frozen, round.Failures);
    }

    private async Task FreezeAsync(Round round, IReadOnlyList<string> instances, TimeSpan limit,
        QuiesceFailure onFailure, CancellationToken ct)
    {
        foreach (var instance in instances)
        {
            round.ToThaw.Push(instance); // before the call: whatever comes of it, it is thawed
            var left = limit - time.GetElapsedTime(round.Began);
            var freeze = left > TimeSpan.Zero
                ? await port.FreezeAsync(instance, left, ct)
                : new QuiesceOutcome(Consistency.Crash, ReasonCode.Timeout, "no time was left to freeze it");
            round.Reached[instance] = freeze.Frozen ? freeze.Reached : Consistency.Crash;
            if (freeze.Frozen) continue;
            round.Failures.Add($"{instance}: {freeze.Reason} {freeze.Detail}");
            LogQuiesceFailed(logger, instance, freeze.Reason, freeze.Detail);
            if (onFailure == QuiesceFailure.Strict) return;
        }
    }

    /// <returns>False: a dead-man came before us, so the cut is not what it says.</returns>
    private async Task<bool> ThawAllAsync(Round round)
    {
        while (round.ToThaw.TryPop(out var instance))
        {
            if (await ThawAsync(instance) || round.Reached.GetValueOrDefault(instance) <= Consistency.Crash) continue;
            round.ThawedEarly = true;
            round.Failures.Add($"{instance}: {ReasonCode.Timeout} thawed by its dead-man before the cut");
        }
        round.Frozen ??= time.GetElapsedTime(round.Began);
        return !round.ThawedEarly;
    }

    // Not with the caller's token: a cancelled request must not leave a guest frozen.
    private async Task<bool> ThawAsync(string instance)
    {
        using var limit = new CancellationTokenSource(ThawLimit, time);
        try
        {
            return await port.ThawAsync(instance, limit.Token);
        }
        catch (QuiesceException e)
        {
            LogThawFailed(logger, instance, e.Fault, e.Message);
            return false; // it may have thawed before the cut: nothing better than crash-consistent can be claimed
        }
        catch (OperationCanceledException) when (limit.IsCancellationRequested)
        {
            LogThawFailed(logger, instance, QuiesceFault.Unreachable, "no answer in time");
            return false;
        }
    }

    private sealed class Round(long began)
    {
        public long Began => began;
        public SortedDictionary<string, Consistency> Reached { get; } = new(StringComparer.Ordinal);
        public List<string> Failures { get; } = [];
        public Stack<string> ToThaw { get; } = new();
        public bool ThawedEarly { get; set; }
        public TimeSpan? Frozen { get; set; }
        public string? Note => Failures.Count == 0 ? null : $"not quiesced: {string.Join("; ", Failures)}";
    }

    [LoggerMessage(ReplicationEvents.QuiesceFailed, LogLevel.Warning,
        "Instance {Instance} was not quiesced: {Reason} {Detail}")]
    private static partial void LogQuiesceFailed(ILogger logger, string instance, ReasonCode reason, string? detail);

    [LoggerMessage(ReplicationEvents.ThawFailed, LogLevel.Error,
        "Instance {Instance} could not be thawed, its dead-man will: {Fault} {Detail}")]
    private static partial void LogThawFailed(ILogger logger, string instance, QuiesceFault fault, string detail);
}

/// <summary>Cuts a checkpoint; it counts only if <paramref name="confirm"/> then says so.</summary>
/// <param name="reached">Consistency per instance.</param>
/// <param name="note">What failed; null: nothing.</param>
public delegate Task<CheckpointOutcome> CutCheckpoint(IReadOnlyDictionary<string, Consistency> reached, string? note,
    Func<Task<bool>> confirm, CancellationToken ct);

/// <param name="Frozen">From before the first freeze to after the last thaw.</param>
/// <param name="Failures">What was not quiesced, or not long enough.</param>
public sealed record QuiescedOutcome(
    CheckpointOutcome Checkpoint, TimeSpan? Frozen, IReadOnlyList<string> Failures);
