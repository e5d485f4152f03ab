// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection;
using Lifeboat.Protection.Policies;
using Lifeboat.Protection.RecoveryPoints;
using Microsoft.Extensions.Logging;

namespace Lifeboat.Replication.Checkpoints;

// An application-consistent checkpoint:
//
//   FREEZE each instance in order ──► CUT ──► THAW all, in reverse order ──► CONFIRM or withdraw
//      │ one fails: Strict, Degrade, or anew   ▲
//      └───────────────────────────────────────┘ always, also when cancelled
//
// Only the thaw tells whether an instance was still frozen at the cut or its dead-man came first. The checkpoint is not
// shipped before that is known: one that would claim too much is withdrawn, and Degrade cuts another that does not.
// A member may ask to be tried anew: then all are thawed, and the whole round is made again after a pause.
public sealed partial class QuiescedCheckpoint(IQuiesceInstances port, TimeProvider time,
    ILogger<QuiescedCheckpoint> logger)
{
    private const int EvidenceMax = 16 << 10;
    private static readonly TimeSpan ThawLimit = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan PauseMin = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan PauseMax = TimeSpan.FromSeconds(10);

    /// <summary>Freezes, cuts and thaws.</summary>
    /// <param name="members">In the order to freeze.</param>
    /// <param name="limit">The dead-man of each instance, armed before its freeze; of each round.</param>
    /// <param name="retryFor">No round is begun anew after that long, whatever the members ask for.</param>
    public async Task<QuiescedOutcome> TakeAsync(IReadOnlyList<QuiesceMember> members, TimeSpan limit,
        TimeSpan retryFor, CutCheckpoint cut, CancellationToken ct)
    {
        var began = time.GetTimestamp();
        var pause = PauseMin;
        for (var tried = 0; ; tried++)
        {
            var mayRetry = time.GetElapsedTime(began) + pause < retryFor;
            var round = new Round(time.GetTimestamp(), mayRetry ? tried : int.MaxValue);
            if (await RoundAsync(round, members, limit, cut, ct) is { } outcome) return outcome;
            LogTriedAnew(tried + 1, string.Join("; ", round.Failures));
            await Task.Delay(pause, time, ct);
            pause = pause * 2 < PauseMax ? pause * 2 : PauseMax;
        }
    }

    // Null: to be made again.
    private async Task<QuiescedOutcome?> RoundAsync(
        Round round, IReadOnlyList<QuiesceMember> members, TimeSpan limit, CutCheckpoint cut, CancellationToken ct)
    {
        CheckpointOutcome? outcome = null;
        try
        {
            await FreezeAsync(round, members, limit, ct);
            if (!round.Ended)
                outcome = await cut(round.Reached.ToDictionary(), round.Note(), () => ThawAllAsync(round), ct);
        }
        finally
        {
            await ThawAllAsync(round);
        }
        if (round.Again) return null;
        outcome ??= new CheckpointOutcome(null, TimeSpan.Zero, ReasonCode.QuiesceFailed, round.Note().Failed);
        if (!round.ThawedEarly || round.Ended) return new QuiescedOutcome(outcome, round.Frozen, round.Failures);
        foreach (var member in members) round.Reached[member.Instance] = Consistency.Crash;
        outcome = await cut(round.Reached.ToDictionary(), round.Note(), () => Task.FromResult(true), ct);
        return new QuiescedOutcome(outcome, round.Frozen, round.Failures);
    }

    private async Task FreezeAsync(
        Round round, IReadOnlyList<QuiesceMember> members, TimeSpan limit, CancellationToken ct)
    {
        foreach (var member in members)
        {
            round.ToThaw.Push(member); // before the call: whatever comes of it, it is thawed
            var left = limit - time.GetElapsedTime(round.Began);
            var freeze = left > TimeSpan.Zero
                ? await port.FreezeAsync(member.Instance, left, ct)
                : new QuiesceOutcome(Consistency.Crash, ReasonCode.Timeout, "no time was left to freeze it");
            round.Reached[member.Instance] = freeze.Reached;
            if (freeze.Evidence is { } evidence) round.Evidence[member.Instance] = evidence;
            if (freeze.Reason == ReasonCode.None) continue;
            round.Fail(member, $"{member.Instance}: {freeze.Reason} {freeze.Detail}");
            LogQuiesceFailed(logger, member.Instance, freeze.Reason, freeze.Detail);
            if (round.Ended) return;
        }
    }

    /// <returns>False: a dead-man came before us, so the cut is not what it says.</returns>
    private async Task<bool> ThawAllAsync(Round round)
    {
        while (round.ToThaw.TryPop(out var member))
        {
            if (await ThawAsync(member.Instance)
                || round.Reached.GetValueOrDefault(member.Instance) <= Consistency.Crash) continue;
            round.ThawedEarly = true;
            round.Fail(member, $"{member.Instance}: {ReasonCode.Timeout} not at rest until after the cut");
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

    private sealed class Round(long began, int tried)
    {
        public long Began => began;
        public SortedDictionary<string, Consistency> Reached { get; } = new(StringComparer.Ordinal);
        public SortedDictionary<string, string> Evidence { get; } = new(StringComparer.Ordinal);
        public List<string> Failures { get; } = [];
        public Stack<QuiesceMember> ToThaw { get; } = new();
        public bool ThawedEarly { get; set; }
        public TimeSpan? Frozen { get; set; }
        /// <summary>No point comes of this round.</summary>
        public bool Ended { get; private set; }
        /// <summary>It ended for a member that is tried anew.</summary>
        public bool Again { get; private set; }

        public void Fail(QuiesceMember member, string what)
        {
            Failures.Add(what);
            Again |= !Ended && tried < member.Retries;
            Ended |= tried < member.Retries || member.OnFailure == QuiesceFailure.Strict;
        }

        // A point's record has an end: what many instances say is cut to what fits.
        public QuiesceNote Note()
        {
            var each = EvidenceMax / Math.Max(1, Evidence.Count);
            return new QuiesceNote(
                Failures.Count == 0 ? null : Cut($"not quiesced: {string.Join("; ", Failures)}", EvidenceMax),
                Evidence.Count == 0 ? null : Evidence.ToDictionary(e => e.Key, e => Cut(e.Value, each)));
        }

        private static string Cut(string text, int max) => text.Length <= max ? text : text[..max] + "…";
    }

    [LoggerMessage(ReplicationEvents.QuiesceTriedAnew, LogLevel.Warning,
        "The quiesce failed and is tried anew, for the {Tries}. time: {Failures}")]
    private partial void LogTriedAnew(int tries, string failures);

    [LoggerMessage(ReplicationEvents.QuiesceFailed, LogLevel.Warning,
        "Instance {Instance} was not quiesced: {Reason} {Detail}")]
    private static partial void LogQuiesceFailed(ILogger logger, string instance, ReasonCode reason, string? detail);

    [LoggerMessage(ReplicationEvents.ThawFailed, LogLevel.Error,
        "Instance {Instance} could not be thawed, its dead-man will: {Fault} {Detail}")]
    private static partial void LogThawFailed(ILogger logger, string instance, QuiesceFault fault, string detail);
}

/// <summary>Cuts a checkpoint; it counts only if <paramref name="confirm"/> then says so.</summary>
/// <param name="reached">Consistency per instance.</param>
/// <param name="note">What failed, and how the rest is known.</param>
public delegate Task<CheckpointOutcome> CutCheckpoint(IReadOnlyDictionary<string, Consistency> reached,
    QuiesceNote note, Func<Task<bool>> confirm, CancellationToken ct);

/// <summary>An instance that is brought to rest for a checkpoint.</summary>
/// <param name="OnFailure">What becomes of the point when it cannot be.</param>
/// <param name="Retries">Rounds that are begun anew for it before that counts.</param>
public sealed record QuiesceMember(string Instance, QuiesceFailure OnFailure, int Retries = 0);

/// <summary>What is said on a point of how its instances came to rest.</summary>
/// <param name="Failed">What was not quiesced; null: nothing.</param>
/// <param name="Evidence">By instance; null: none.</param>
public sealed record QuiesceNote(string? Failed, IReadOnlyDictionary<string, string>? Evidence = null);

/// <param name="Frozen">From before the first freeze to after the last thaw.</param>
/// <param name="Failures">What was not quiesced, or not long enough.</param>
public sealed record QuiescedOutcome(
    CheckpointOutcome Checkpoint, TimeSpan? Frozen, IReadOnlyList<string> Failures);
