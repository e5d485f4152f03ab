// SPDX-License-Identifier: Apache-2.0
using System.Collections.Frozen;
using Lifeboat.Journaling;
using Lifeboat.Protection;
using Lifeboat.Protection.RecoveryPoints;
using Lifeboat.Replication.Capture;
using Lifeboat.Replication.Checkpoints;
using Microsoft.Extensions.Logging;

namespace Lifeboat.Replication.Shipping;

// Cutting checkpoints and confirming them (why: CaptureStream.Checkpoints).
public sealed partial class GroupSource
{
    private static readonly FrozenDictionary<string, Consistency> Nobody = FrozenDictionary<string, Consistency>.Empty;
    // While nothing is sealed for long, points are cut less and less often: a day away are some thousand of them.
    private const int OpenPointsPerPace = 256;
    private readonly Turnstile _cutting = new();
    private readonly Signal _intervalChanged = new();
    private long _checkpointTicks; // 0: as the options say

    /// <summary>Cuts crash-consistent points that often from now on; nothing else is touched.</summary>
    public void ChangeCheckpointInterval(TimeSpan interval)
    {
        Volatile.Write(ref _checkpointTicks, interval.Ticks);
        _intervalChanged.Set();
    }

    /// <summary>
    /// Cuts a checkpoint over all volumes of the group. Not possible while a batch is open, unless for instances that
    /// ended whole; with a clean shutdown these are waited for a moment.
    /// </summary>
    /// <param name="quiesced">What each instance has done for it; empty: nothing, it is crash-consistent.</param>
    public Task<CheckpointOutcome> CheckpointAsync(IReadOnlyDictionary<string, Consistency> quiesced, string? label,
        string? note, CancellationToken ct) =>
        CheckpointAsync(quiesced, label, new QuiesceNote(note), static () => Task.FromResult(true), ct);

    /// <param name="confirm">Called right after the cut; the point counts only if it says true.</param>
    public async Task<CheckpointOutcome> CheckpointAsync(IReadOnlyDictionary<string, Consistency> quiesced,
        string? label, QuiesceNote note, Func<Task<bool>> confirm, CancellationToken ct)
    {
        if (_moments is not null) return await AskMomentAsync(quiesced, label, note, confirm, ct);
        var consistency = quiesced.Count == 0 ? Consistency.Crash : quiesced.Values.Min();
        await _cutting.EnterAsync(ct);
        try
        {
            var outcome = await CutAsync(consistency, quiesced, label, note, confirm, ct);
            if (consistency != Consistency.CleanShutdown) return outcome;
            // The instance may end just now: its volumes go from captured to ended whole within a moment.
            for (var tries = 0; tries < 50 && outcome is { Point: null, Reason: not ReasonCode.Unexpected }; tries++)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(100), _time, ct);
                outcome = await CutAsync(consistency, quiesced, label, note, confirm, ct);
            }
            return outcome;
        }
        finally
        {
            _cutting.Leave();
        }
    }

    /// <summary>Waits until a point is sealed at the recovery site.</summary>
    public Task<PointFate> WaitSealedAsync(Guid pointId, TimeSpan limit, CancellationToken ct) =>
        _points.WaitAsync(pointId, limit, ct);

    private async Task<CheckpointOutcome> CutAsync(Consistency consistency,
        IReadOnlyDictionary<string, Consistency> quiesced, string? label, QuiesceNote note, Func<Task<bool>> confirm,
        CancellationToken ct)
    {
        if (Hold() is not { } held)
            return new CheckpointOutcome(null, TimeSpan.Zero, NotCapturing(), "nothing is captured now");
        var (id, at) = (_chance.NextGuid(), _time.GetUtcNow());
        var outcome = held.Cut(sequence =>
            new(id, sequence, _options.Epoch, at, consistency, PointState.Open, label, held.Note(note.Failed), quiesced)
            {
                Evidence = note.Evidence,
            },
            consistency == Consistency.CleanShutdown);
        if (outcome.Point is null) return outcome;
        var (intact, agreed) = (false, false);
        try
        {
            var looks = held.LookAsync(ct);
            agreed = await confirm();
            intact = await looks || _flaws.ConfirmBlindly;
        }
        finally
        {
            held.Settle(intact && agreed);
        }
        if (!agreed) return outcome with
        {
            Point = null, Reason = ReasonCode.QuiesceFailed, Detail = "thawed before the cut",
        };
        return intact ? outcome : outcome with
        {
            Point = null, Reason = ReasonCode.CaptureLost, Detail = "a mirror could not be seen intact",
        };
    }

    private async Task<bool> AllIntactAsync(
        CaptureStream stream, IReadOnlyList<VolumeSink> sinks, IReadOnlyList<ushort> resting, CancellationToken ct)
    {
        using var limit = new CancellationTokenSource(_options.ConfirmLimit, _time);
        using var any = CancellationTokenSource.CreateLinkedTokenSource(ct, limit.Token);
        var states = stream.Volumes();
        var looks = new List<Task<bool>>();
        var absent = stream.Absent();
        for (var i = 0; i < _slots.Length; i++)
        {
            var (slot, index) = (_slots[i], _slots[i].Disk.Index);
            if (resting.Contains(index)) looks.Add(StillRestsAsync(stream, slot, any.Token));
            else if (!absent.Contains(index))
                looks.Add(states[i].Ended ? IsGoneAsync(slot, any.Token) : IsIntactAsync(slot, any.Token));
        }
        var intact = await Task.WhenAll(looks);
        ct.ThrowIfCancellationRequested();
        // The same mirrors that were there at the cut: one that ended and was attached again since proves nothing.
        return intact.All(i => i) && sinks.All(stream.IsOpen);
    }

    private static async Task<bool> IsIntactAsync(TapSlot slot, CancellationToken ct)
    {
        try
        {
            return await slot.Tap.StillMirroringAsync(ct).ArriveAsync(ct);
        }
        catch (TapException)
        {
            return false; // nobody can say: no confirmation
        }
        catch (OperationCanceledException)
        {
            return false; // the limit; the caller looks at its own token
        }
    }

    // It ended whole, and must not run again by the time that the cut is confirmed.
    private static async Task<bool> IsGoneAsync(TapSlot slot, CancellationToken ct)
    {
        try
        {
            return !await slot.Tap.InstanceAnswersAsync(ct).ArriveAsync(ct);
        }
        catch (OperationCanceledException)
        {
            return false; // the limit; the caller looks at its own token
        }
    }

    private async Task CheckpointPeriodicallyAsync(CancellationToken ct)
    {
        while (true)
        {
            // A change begins a new interval: an hour that became a second must not run to its end.
            var interval = CheckpointInterval * (1 + _points.OpenCount / OpenPointsPerPace);
            if (await _intervalChanged.WaitAsync(interval, _time, ct) || _moments is not null) continue;
            if (_stream is { IsGivenUp: false, MayCut: true }) await CheckpointAsync(Nobody, null, null, ct);
        }
    }

    private TimeSpan CheckpointInterval => Volatile.Read(ref _checkpointTicks) is > 0 and var ticks
        ? TimeSpan.FromTicks(ticks) : _options.Policy.CheckpointInterval;

    private ReasonCode NotCapturing() =>
        _state.Reason is var reason && reason != ReasonCode.None ? reason : ReasonCode.CaptureLost;

    private ReasonCode ReasonOf(CutOutcome cut) => cut switch
    {
        CutOutcome.Cut => ReasonCode.None,
        CutOutcome.InBatch => NotCapturing(),
        CutOutcome.HeldTooLong => ReasonCode.Timeout,
        CutOutcome.GivenUp => NotCapturing(),
        CutOutcome.Unconfirmed => ReasonCode.Conflict,
    };

    [LoggerMessage(ReplicationEvents.PointWithdrawn, LogLevel.Warning,
        "Checkpoint {PointId} of {Group} at {Sequence} was withdrawn: it could not be confirmed after the cut")]
    private partial void LogPointWithdrawn(string group, Guid pointId, long sequence);
}
