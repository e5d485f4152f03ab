// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Journaling.Records;
using Lifeboat.Protection;

namespace Lifeboat.Replication.Capture;

// A volume's way through a batch:
//
//   MISSING ──BeginVolume──► TRACKED ──(pull)──EndPull──► WHOLE ──Lost──► MISSING   (opens a batch if none is open)
//      ▲                        │ Lost                       │ Lost, then the instance turns out to be gone
//      └────────────────────────┘                            └────► ENDED WHOLE ──BeginVolume──► TRACKED
//
// All WHOLE: TryEndBatch. All WHOLE or ENDED WHOLE: checkpoints may be cut (see Checkpoints), so a group goes on being
// protected while an instance of it is shut down.
public sealed partial class CaptureStream
{
    /// <summary>A batch is open: no cut is valid.</summary>
    public bool InBatch
    {
        get { lock (_gate) return _batchOpen; }
    }

    /// <summary>
    /// Opens the way for one attach of a volume and starts to track what it writes: call it before the tap is attached.
    /// An earlier sink of the volume refuses from here on.
    /// </summary>
    public VolumeSink BeginVolume(ushort volume)
    {
        lock (_gate)
        {
            var state = _byIndex[volume];
            if (state.Sink is { } old) LoseLocked(old);
            var sink = new VolumeSink(this, state);
            if (_closed) return sink;
            Invariant.Holds(state is { AtRest: false, Absent: false }, "what is out is plugged in before it is begun");
            state.Sink = sink;
            state.Written = new WrittenRanges();
            return sink;
        }
    }

    /// <summary>
    /// The volume has this size now: the recovery site hears of it before anything that lies there. Only for a volume
    /// that nothing captures; its batch is open.
    /// </summary>
    /// <returns>The range that is new there; null: none.</returns>
    internal GapExtent? StateSize(ushort volume, long sizeBytes)
    {
        lock (_gate)
        {
            var state = _byIndex[volume];
            Invariant.Holds(_closed || state.Sink is null, "a volume is resized while it is let go of");
            var before = state.StatedBytes;
            // What a volume had beyond its end could not be given back, where a point needs it.
            if (_closed || sizeBytes == before || (sizeBytes < before && !MayShrink)) return null;
            if (!_batchOpen) BeginBatch([state]);
            var header = RecordHeader.Size(volume, _outbox.Last + 1, Epoch.Value, sizeBytes, NowMicros());
            if (!AppendRecord(header, default, out _))
            {
                GiveUpLocked(ReasonCode.OutboxFull);
                return null;
            }
            state.SizeBytes = state.StatedBytes = sizeBytes;
            _toShip.Set();
            return before > 0 && before < sizeBytes ? new GapExtent(before, sizeBytes - before, Zero: false) : null;
        }
    }

    /// <summary>A volume may become shorter than the recovery site has it.</summary>
    internal bool MayShrink => _options.MayShrink;

    /// <summary>What the recovery site has a volume as, behind the last record.</summary>
    internal long StatedSize(ushort volume)
    {
        lock (_gate) return _byIndex[volume].StatedBytes;
    }

    /// <summary>The tap is attached: from here on the volume's instance writes through this sink.</summary>
    internal void Attached(VolumeSink sink)
    {
        lock (_gate)
            if (sink.State.Sink == sink) sink.State.WholeUntilLost = sink.State.EndedWhole = false;
    }

    /// <summary>The attach failed; what is known of the volume stays as it was.</summary>
    internal void Abandon(VolumeSink sink)
    {
        lock (_gate)
            if (sink.State.Sink == sink) Close(sink.State);
    }

    /// <summary>
    /// Adds bytes that were read from the disk after the attach, without what the stream has written since. Keep parts
    /// small (64 KiB): writers wait meanwhile.
    /// </summary>
    /// <param name="data">Empty: the range reads as zeroes.</param>
    /// <param name="moved">Bytes of data that were added.</param>
    internal PullOutcome AppendPulled(
        VolumeSink sink, long offset, long length, ReadOnlySpan<byte> data, out long moved)
    {
        moved = 0;
        lock (_gate)
        {
            if (_closed || sink.State.Sink != sink || sink.State.Written is not { } written) return PullOutcome.Lost;
            // The worst cut: every second sector written; each part has its own header.
            var parts = 1 + data.Length / 1024;
            if (_outbox.Room < 2 * (data.Length + (long)parts * RecordCodec.HeaderLength)) return PullOutcome.NoRoom;
            for (var at = offset; written.NextGap(at, offset + length, out var start, out var end); at = end)
            {
                if (!AppendPart(sink.State, offset, start, end, data)) return PullOutcome.NoRoom;
                if (!data.IsEmpty) moved += end - start;
            }
        }
        _toShip.Set();
        return PullOutcome.Appended;
    }

    /// <summary>The pull has passed here: earlier offsets need no tracking any more.</summary>
    internal void Pulled(VolumeSink sink, long upTo)
    {
        lock (_gate)
            if (sink.State.Sink == sink) sink.State.Written?.RaiseFloor(upTo);
    }

    /// <summary>The gap of this attach is in the stream.</summary>
    internal void EndPull(VolumeSink sink)
    {
        lock (_gate)
        {
            if (sink.State.Sink != sink) return;
            sink.State.Written = null;
            sink.State.Whole = true;
        }
    }

    /// <summary>Ends the batch when every volume is whole.</summary>
    /// <param name="end">Sequence of the end: once durable, the gaps may be forgotten.</param>
    internal bool TryEndBatch(out long end)
    {
        lock (_gate)
        {
            end = 0;
            if (_closed || !_batchOpen || _volumes.Any(v => !v.Whole && !v.Absent)) return false;
            if (!AppendMark(RecordKind.BatchEnd, BatchPayload.Encode(StreamId, Indexes(_volumes)), out _))
            {
                GiveUpLocked(ReasonCode.OutboxFull);
                return false;
            }
            _batchOpen = false;
            end = _outbox.Last;
        }
        _toShip.Set();
        return true;
    }

    internal void MarkLost(VolumeSink sink)
    {
        lock (_gate) LoseLocked(sink);
        _toShip.Set();
    }

    /// <summary>The mirror of this sink ended because its instance did, and was intact until then.</summary>
    internal void MarkEndedWithInstance(VolumeSink sink)
    {
        lock (_gate)
        {
            if (_closed) return;
            LoseLocked(sink);
            if (sink.State.WholeUntilLost) sink.State.EndedWhole = true;
        }
        _toTend.Set();
    }

    /// <summary>Whether checkpoints may still be cut of what this sink's instance left when it ended.</summary>
    internal bool IsEndedWhole(VolumeSink sink)
    {
        lock (_gate) return !_closed && sink.State is { EndedWhole: true, Sink: null };
    }

    /// <summary>The instance runs again and nothing captures it: it is whole no more.</summary>
    internal void MarkReturned(VolumeSink sink)
    {
        lock (_gate)
            if (sink.State.Sink is null) sink.State.EndedWhole = sink.State.WholeUntilLost = false;
        _toTend.Set();
    }

    /// <summary>
    /// The sequence that what a volume's next attach captures comes after. Always the last one: the recovery site folds
    /// up to its oldest point, and can say nothing of what it had before.
    /// </summary>
    /// <param name="nothing">The recovery site never had a record of the volume: it has what its base began
    /// with.</param>
    internal long SequenceBefore(ushort volume, out bool nothing)
    {
        lock (_gate)
        {
            var state = _byIndex[volume];
            nothing = !state.Touched && (BaseSequence == 0 || state.BeganAbsent);
            return _outbox.Last;
        }
    }

    /// <summary>The sinks that may append, one for each captured volume.</summary>
    internal IReadOnlyList<VolumeSink> OpenSinks()
    {
        lock (_gate) return [.. _volumes.Select(v => v.Sink).OfType<VolumeSink>()];
    }

    internal bool IsOpen(VolumeSink sink)
    {
        lock (_gate) return !_closed && sink.State.Sink == sink;
    }

    /// <summary>A snapshot of which volumes are captured and whole, in index order.</summary>
    internal IReadOnlyList<(ushort Index, bool Attached, bool Whole, bool Ended, long CapturedBytes)> Volumes()
    {
        lock (_gate)
            return [.. _volumes.Select(v => (v.Index, v.Sink is not null, v.Whole, v.EndedWhole, v.CapturedBytes))];
    }

    private void LoseLocked(VolumeSink sink)
    {
        var state = sink.State;
        if (_closed || state.Sink != sink) return;
        state.WholeUntilLost |= state.Whole;
        Close(state);
        if (!_batchOpen && !_flaws.LoseSilently) BeginBatch([state]);
        _toTend.Set();
    }

    private void BeginBatch(IReadOnlyCollection<StreamVolumeState> volumes)
    {
        var payload = BatchPayload.Encode(StreamId, Indexes(volumes));
        if (AppendMark(RecordKind.BatchBegin, payload, out _)) _batchOpen = true;
        else GiveUpLocked(ReasonCode.OutboxFull);
    }

    private bool AppendPart(StreamVolumeState state, long offset, long start, long end, ReadOnlySpan<byte> data) =>
        data.IsEmpty
            ? AppendZeroes(state, start, end - start, RecordFlags.Pulled)
            : AppendWrite(state, start, data[(int)(start - offset)..(int)(end - offset)], RecordFlags.Pulled);

    private static ushort[] Indexes(IEnumerable<StreamVolumeState> volumes) => [.. volumes.Select(v => v.Index)];
}

internal enum PullOutcome
{
    Appended = 1,
    /// <summary>The outbox is full enough: wait until more is durable.</summary>
    NoRoom = 2,
    /// <summary>The attach is over.</summary>
    Lost = 3,
}
