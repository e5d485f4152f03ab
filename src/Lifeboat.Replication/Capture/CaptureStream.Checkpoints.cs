// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Journaling.Records;
using Lifeboat.Protection;
using Lifeboat.Protection.RecoveryPoints;
using Lifeboat.Replication.Outbox;

namespace Lifeboat.Replication.Capture;

// Why a checkpoint is confirmed after it was cut: QEMU acknowledges writes without us from the moment a mirror fails,
// and another disk's next write may reach us before we hear of it. A cut made in between would hold the later write
// without the earlier. So the record is added at once (the guest does not wait for a monitor's answer), but it and all
// behind it are not shipped until every mirror was seen intact *after* the cut; a mirror never comes back to life, so
// it was intact at the cut too. When that cannot be shown, the record is marked withdrawn and is no recovery point.
public sealed partial class CaptureStream
{
    private long _shipUpTo = long.MaxValue;
    private OutboxPosition _unconfirmed;
    private long _heldSince;
    private bool _held;

    /// <summary>
    /// Makes appends wait until the hold is disposed, but never longer than the hold limit. For a checkpoint over
    /// several agents each holds until all do.
    /// </summary>
    public StreamHold Hold()
    {
        lock (_gate)
        {
            Invariant.Holds(!_held, "one hold at a time");
            _held = true;
            _heldSince = _time.GetTimestamp();
        }
        return new StreamHold(this);
    }

    internal CutOutcome Cut(Func<long, RecoveryPoint> point, bool cleanShutdown, out RecoveryPoint? cut)
    {
        cut = null;
        lock (_gate)
        {
            if (!_held || Held() > _options.HoldLimit) return CutOutcome.HeldTooLong;
            if (_closed) return CutOutcome.GivenUp;
            if (_shipUpTo != long.MaxValue) return CutOutcome.Unconfirmed;
            if (cleanShutdown && _volumes.Any(v => v.Absent)) return CutOutcome.InBatch;
            var close = _batchOpen && (_flaws.CutUnwhole && cleanShutdown
                || LacksNothing() && (cleanShutdown || _volumes.Any(v => v.EndedWhole)));
            if (_batchOpen && !close) return CutOutcome.InBatch;
            if (close && !CloseBatchForCut()) return CutOutcome.GivenUp;
            cut = point(_outbox.Last + 1);
            if (!AppendMark(RecordKind.Checkpoint, CheckpointPayload.Encode(cut), out _unconfirmed))
            {
                GiveUpLocked(ReasonCode.OutboxFull);
                return CutOutcome.GivenUp;
            }
            _shipUpTo = cut.Sequence - 1;
            if (close) BeginBatch(_volumes);
        }
        return CutOutcome.Cut;
    }

    /// <summary>Every mirror was intact after the cut: the checkpoint may be shipped.</summary>
    internal void Confirm(long sequence) => EndConfirmation(sequence, withdraw: false);

    internal void Withdraw(long sequence) => EndConfirmation(sequence, withdraw: true);

    internal TimeSpan Release()
    {
        lock (_gate)
        {
            var held = Held();
            _held = false;
            Monitor.PulseAll(_gate);
            return held;
        }
    }

    private void EndConfirmation(long sequence, bool withdraw)
    {
        lock (_gate)
        {
            if (_closed || _shipUpTo != sequence - 1) return;
            var logged = _flaws.SpillUnconfirmed && sequence <= _outbox.Head;
            if (withdraw && !logged) _outbox.Withdraw(_unconfirmed);
            _shipUpTo = long.MaxValue;
        }
        _toShip.Set();
    }

    /// <summary>A cut may be made: no batch is open, or only for volumes whose instances ended whole.</summary>
    internal bool MayCut
    {
        get { lock (_gate) return !_closed && (!_batchOpen || LacksNothing()); }
    }

    /// <summary>The open batch waits for nothing but instances that ended whole: nothing is missing.</summary>
    internal bool OnlyEnded
    {
        get { lock (_gate) return !_closed && _batchOpen && LacksNothing(); }
    }

    private bool LacksNothing() => _volumes.All(v => v.Whole || v.EndedWhole || v.Absent);

    // Volumes whose instance ended are whole but captured no more: the batch closes for the cut and opens behind it.
    // What other instances write meanwhile enters the recovery site with the next cut.
    private bool CloseBatchForCut()
    {
        if (AppendMark(RecordKind.BatchEnd, BatchPayload.Encode(StreamId, Indexes(_volumes)), out _))
        {
            _batchOpen = false;
            return true;
        }
        return GiveUpLocked(ReasonCode.OutboxFull);
    }

    /// <summary>An append would wait now: a cut is being held.</summary>
    internal bool WouldWait
    {
        get { lock (_gate) return _held && Held() < _options.HoldLimit; }
    }

    private TimeSpan Held() => _time.GetElapsedTime(_heldSince);

    private void WaitWhileHeld()
    {
        while (_held && _options.HoldLimit - Held() is { Ticks: > 0 } left)
            Monitor.Wait(_gate, (int)Math.Ceiling(left.TotalMilliseconds));
    }
}

internal enum CutOutcome
{
    Cut = 1,
    InBatch = 2,
    HeldTooLong = 3,
    GivenUp = 4,
    /// <summary>An earlier checkpoint is not confirmed yet.</summary>
    Unconfirmed = 5,
}

/// <summary>Appends wait while it lives.</summary>
public sealed class StreamHold : IDisposable
{
    private readonly CaptureStream _stream;
    private bool _released;

    internal StreamHold(CaptureStream stream) => _stream = stream;

    /// <summary>How long appends were held; set when disposed.</summary>
    public TimeSpan Held { get; private set; }

    internal CutOutcome Cut(Func<long, RecoveryPoint> point, bool cleanShutdown, out RecoveryPoint? cut) =>
        _stream.Cut(point, cleanShutdown, out cut);

    public void Dispose()
    {
        if (_released) return;
        _released = true;
        Held = _stream.Release();
    }
}
