// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Journaling;
using Lifeboat.Protection;
using Lifeboat.Protection.Policies;
using Lifeboat.Protection.RecoveryPoints;
using Lifeboat.Replication.Capture;
using Lifeboat.Replication.Moments;
using Lifeboat.Replication.Resync;
using Microsoft.Extensions.Logging;

namespace Lifeboat.Replication.Shipping;

// The loop of a group whose changes come in moments; it has the place of the one that tends taps:
//
//   WAIT until due or asked ──► TAKE ──► batch begin, PULL every volume, batch end ──► CUT, dated at the moment
//     ▲                          │ fails       │ an image breaks, the stream ends                 │
//     └──────── given up ◄───────┴─────────────┘            FORGET ◄── durable at the recovery ◄──┘ images closed
//     └──────────────────────────────────────────────────────┘         site
//
// Invariants
//   A moment is forgotten only when its point is durable at the recovery site; until then the next one's changes hold
//   its own. So whatever breaks, nothing is lost, and what a moment that was given up has left in an open batch is
//   written over: the next one pulls at least the same extents into the same batch.
//   Nothing else appends: between two moments the stream stands still, with no batch open.
public sealed partial class GroupSource
{
    // As long as a link may be away before an image is dropped that costs the instances something.
    private static readonly TimeSpan MomentHold = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan MomentLook = TimeSpan.FromSeconds(1);
    private readonly MomentOptions? _moments;
    private readonly Backoff _momentRetry;
    private readonly Turnstile _momentTurn = new();
    private readonly Signal _momentWanted = new();
    private MomentWork? _work;
    private MomentAsk? _ask;
    private long _momentPeriodTicks, _takenAt, _momentRetryAt, _sessionOverAt, _momentsGivenUp, _lastMomentBytes;
    private bool _everTaken, _momentInStream;
    private int _momentTrigger;
    private volatile string? _momentFailure;
    private string? _takenAtRest;
    private DateTimeOffset? _momentUnderWay, _lastMoment;

    /// <summary>Takes moments when the policy says from now on.</summary>
    public void ChangeMoments(TimeSpan period, MomentTrigger trigger)
    {
        Volatile.Write(ref _momentPeriodTicks, period.Ticks);
        Volatile.Write(ref _momentTrigger, (int)trigger);
        _momentWanted.Set();
    }

    private MomentTrigger Trigger => (MomentTrigger)Volatile.Read(ref _momentTrigger);

    private TimeSpan MomentPeriod => TimeSpan.FromTicks(Volatile.Read(ref _momentPeriodTicks));

    private async Task TakeMomentsAsync(CaptureStream stream, DigestLine digests, CancellationToken ct)
    {
        if (_work is { } old && old.Stream != stream)
            await GiveUpMomentAsync(old, ReasonCode.Resync, "its stream was given up", ct);
        while (true)
        {
            var lost = NoteLost(stream);
            if (stream.IsGivenUp) await stream.ToTend.WaitAsync(MomentLook, _time, ct);
            else if (_work is { } work) await BringAsync(work, digests, ct);
            else if (MomentIsDue(stream, lost) || await RestsAnewAsync(ct)) await BeginMomentAsync(stream, ct);
            else await _momentWanted.WaitAsync(UntilDue(), _time, ct);
        }
    }

    private bool MomentIsDue(CaptureStream stream, bool lost)
    {
        if (Array.Find(_slots, s => IsReleased(s)) is { } released)
        {
            SetState(GroupSourcePhase.Resyncing, ReasonCode.VolumeReleased, $"{released.Disk.Name}: {released.Detail}");
            return false;
        }
        if (Volatile.Read(ref _ask) is not null) return true;
        var now = _time.GetTimestamp();
        return now >= _momentRetryAt && (lost || stream.InBatch || !_everTaken || now >= DueAt);
    }

    // One at each rest, and none while it lasts: nobody writes then.
    private async Task<bool> RestsAnewAsync(CancellationToken ct) =>
        Trigger is MomentTrigger.OnShutdown && _time.GetTimestamp() >= _momentRetryAt
            && await RestMarkAsync(ct) is { } mark && mark != _takenAtRest;

    private async Task<string?> RestMarkAsync(CancellationToken ct)
    {
        try
        {
            return await _moments!.Tap.RestMarkAsync(ct);
        }
        catch (TapException e)
        {
            LogRestUnknown(_options.Group, e.Fault, e.Message);
            return null;
        }
    }

    private long DueAt =>
        Trigger is MomentTrigger.Periodic ? _takenAt + Ticks(MomentPeriod) : long.MaxValue;

    // Called when none is due.
    private TimeSpan UntilDue()
    {
        var due = Math.Max(_everTaken ? DueAt : 0, _momentRetryAt);
        if (due == long.MaxValue) return MomentLook;
        var left = TimeSpan.FromSeconds((due - _time.GetTimestamp()) / (double)_time.TimestampFrequency);
        return left <= TimeSpan.Zero || left > MomentLook ? MomentLook : left > Tick ? left : Tick;
    }

    private async Task BeginMomentAsync(CaptureStream stream, CancellationToken ct)
    {
        var ask = Interlocked.Exchange(ref _ask, null);
        ask?.Begin();
        try
        {
            // Before: what is written from here on makes another rest of it.
            var rest = Trigger is MomentTrigger.OnShutdown ? await RestMarkAsync(ct) : null;
            var moment = await TakeMomentAsync(ct);
            if (ask is not null && !await ask.Confirm())
            {
                ask.Fail(ReasonCode.QuiesceFailed, "thawed before the moment");
                ask = null;
            }
            (_work, MomentUnderWay) = (new MomentWork(moment, stream, ask, rest), moment.At);
            EnterMoment(stream, moment);
        }
        catch (TapException e)
        {
            SetState(GroupSourcePhase.Detached, ReasonOf(e.Fault), e.Message);
            ask?.Fail(ReasonOf(e.Fault), e.Message);
            if (_work is { } work) await GiveUpMomentAsync(work, ReasonOf(e.Fault), e.Message, ct);
            else NoteMomentFailed(e.Message);
        }
        catch (OperationCanceledException)
        {
            ask?.Fail(ReasonCode.LinkDown, "the session ended while the moment was taken");
            throw;
        }
    }

    private async Task<IMoment> TakeMomentAsync(CancellationToken ct)
    {
        await _momentTurn.EnterAsync(ct);
        try
        {
            var began = _time.GetTimestamp();
            var moment = await _moments!.Tap.TakeAsync(_replica, ct);
            (_takenAt, _everTaken) = (began, true);
            LogMomentTaken(_options.Group, moment.At);
            return moment;
        }
        finally
        {
            _momentTurn.Leave();
        }
    }

    private void EnterMoment(CaptureStream stream, IMoment moment)
    {
        _sync = NewSync(SyncKind.None);
        foreach (var slot in _slots)
        {
            (slot.Pull, slot.Pulled) = (null, false);
            if (slot.Sink is { } old) stream.MarkLost(old); // the batch opens here
        }
        foreach (var slot in _slots)
        {
            var index = slot.Disk.Index;
            var volume = moment.Volumes.Single(v => v.Index == index);
            NoteSize(stream, slot, volume.SizeBytes);
            var there = stream.StatedSize(index);
            if (volume.SizeBytes != slot.SizeBytes || (!stream.IsGivenUp && there > slot.SizeBytes))
                throw new TapException(TapFault.SizeChanged, $"{slot.Disk.Name} has {volume.SizeBytes} bytes, the "
                    + $"group knows {slot.SizeBytes}, the replica has {there}: "
                    + "a disk that became smaller is protected anew");
            var sequence = stream.SequenceBefore(index, out var nothing);
            var sink = slot.Sink = stream.BeginVolume(index);
            stream.Attached(sink);
            var task = TaskOf(slot, volume.Image, sink, volume.Changes, sequence, nothing);
            slot.Pull = new GapPull(task, stream, CountersOf(slot, task.Kind, volume.Changes));
            slot.Detail = null;
        }
        if (!_momentInStream) SetState(SyncPhase(stream), SyncReason(stream), null);
    }

    // Returns when the moment is forgotten or given up, or the stream is.
    private async Task BringAsync(MomentWork work, DigestLine digests, CancellationToken ct)
    {
        var stream = work.Stream;
        try
        {
            foreach (var slot in _slots)
            {
                if (slot.Pull is not { } pull) continue;
                if (!await pull.RunAsync(digests, ct)) return;
                (slot.Pull, slot.Pulled) = (null, true);
            }
        }
        catch (TapException e)
        {
            SetState(_state.Phase, ReasonOf(e.Fault), e.Message);
            await GiveUpMomentAsync(work, ReasonOf(e.Fault), e.Message, ct);
            return;
        }
        if (work.Point is null && !CutMoment(work)) return;
        await InTurnAsync(work.Moment.CloseAsync, ct);
        var point = work.Point!;
        if (!_flaws.ForgetGapEarly && !await stream.WaitDurableAsync(point.Sequence, ct)) return;
        foreach (var slot in _slots) slot.Compare = false;
        if (await TryMoveBasisAsync(stream, KnownAt(stream, point.Sequence), ct, work.Moment.At))
            await InTurnAsync(work.Moment.ForgetAsync, ct);
        EndMoment(work);
    }

    private bool CutMoment(MomentWork work)
    {
        if (work.Stream.InBatch && !work.Stream.TryEndBatch(out _)) return false;
        var (moment, ask, id) = (work.Moment, work.Ask, _chance.NextGuid());
        using var held = new HeldCut(this, work.Stream);
        var outcome = held.Cut(sequence => new RecoveryPoint(id, sequence, _options.Epoch, moment.At,
            ask?.Consistency ?? Consistency.Crash, PointState.Open, ask?.Label, held.Note(ask?.Note.Failed),
            ask?.Quiesced ?? Nobody) { Evidence = ask?.Note.Evidence }, cleanShutdown: false);
        held.Settle(agreed: true); // there is no mirror that could have missed anything
        if (outcome.Point is null) return false;
        work.Point = outcome.Point;
        ask?.Answer(outcome);
        return true;
    }

    private void EndMoment(MomentWork work)
    {
        foreach (var slot in _slots)
        {
            slot.Pulled = false;
            slot.Lost = [];
        }
        (_work, MomentUnderWay, _momentFailure) = (null, null, null);
        _momentInStream = true;
        Volatile.Write(ref _lastMomentBytes, _sync.Moved);
        BehindSince = LastMoment = work.Moment.At;
        _takenAtRest = work.Rest;
        _momentRetry.Reset();
        _return.Reset();
        LogMomentDurable(_options.Group, work.Moment.At, _sync.Kind, _sync.Moved, _sync.Examined);
        SetState(GroupSourcePhase.Streaming, ReasonCode.None, null);
    }

    private async Task GiveUpMomentAsync(MomentWork work, ReasonCode reason, string why, CancellationToken ct)
    {
        (_work, MomentUnderWay) = (null, null);
        foreach (var slot in _slots) slot.Pull = null;
        NoteMomentFailed(why);
        work.Ask?.Fail(reason, why);
        await InTurnAsync(work.Moment.CloseAsync, ct);
    }

    private void NoteMomentFailed(string why)
    {
        Interlocked.Increment(ref _momentsGivenUp);
        _momentFailure = why;
        _momentRetryAt = _time.GetTimestamp() + Ticks(_momentRetry.Next());
        LogMomentGivenUp(_options.Group, why);
    }

    // Whatever of it stays in the instances the next moment finds.
    private async Task InTurnAsync(Func<CancellationToken, Task> work, CancellationToken ct)
    {
        await _momentTurn.EnterAsync(ct);
        try
        {
            await work(ct);
        }
        catch (TapException e)
        {
            LogMomentLeft(_options.Group, e.Fault, e.Message);
        }
        finally
        {
            _momentTurn.Leave();
        }
    }

    [LoggerMessage(ReplicationEvents.MomentTaken, LogLevel.Debug, "Moment {At} of {Group} was fixed")]
    private partial void LogMomentTaken(string group, DateTimeOffset at);

    [LoggerMessage(ReplicationEvents.MomentDurable, LogLevel.Information,
        "Moment {At} of {Group} is durable, by {Kind}: {Moved} bytes moved of {Examined} read")]
    private partial void LogMomentDurable(string group, DateTimeOffset at, SyncKind kind, long moved, long examined);

    [LoggerMessage(ReplicationEvents.MomentGivenUp, LogLevel.Warning,
        "A moment of {Group} was given up and will be taken anew: {Why}")]
    private partial void LogMomentGivenUp(string group, string why);

    [LoggerMessage(ReplicationEvents.RestUnknown, LogLevel.Debug,
        "Whether the instances of {Group} are shut down is not known: {Fault} {Detail}")]
    private partial void LogRestUnknown(string group, TapFault fault, string detail);

    [LoggerMessage(ReplicationEvents.MomentLeft, LogLevel.Warning,
        "Something of a moment of {Group} was left behind until the next one: {Fault} {Detail}")]
    private partial void LogMomentLeft(string group, TapFault fault, string detail);
}
