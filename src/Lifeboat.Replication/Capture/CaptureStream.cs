// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Journaling.Records;
using Lifeboat.Protection;
using Lifeboat.Replication.Outbox;

namespace Lifeboat.Replication.Capture;

// The ordered stream of a group, from one loss of memory at the source to the next.
//
// Invariants
//   A write has its sequence before the guest sees its completion, in one order over all volumes.
//   The first record is a batch begin. A checkpoint is never between a batch begin and its end.
//   A volume that is not whole keeps the batch open; losing a volume opens it in the same moment, under the same lock,
// so
//   that no write of another volume that could depend on a lost one stands before the begin.
//   Pulled bytes never cover bytes that the stream wrote since the attach.
//   A checkpoint is shipped only after its confirmation (see CaptureStream.Checkpoints).
//   Once given up, nothing is appended or shipped any more.
public sealed partial class CaptureStream
{
    private const int WritePartMin = 32 << 10;

    private readonly object _gate = new(); // a monitor: writers wait on it during a hold
    private readonly CaptureStreamOptions _options;
    private readonly TimeProvider _time;
    private readonly EngineFlaws _flaws;
    private readonly StreamVolumeState[] _volumes;
    private readonly Dictionary<ushort, StreamVolumeState> _byIndex;
    private readonly TaskCompletionSource<ReasonCode> _givenUp =
        new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Signal _toShip = new(), _toTend = new(), _toSpill, _toRead;
    private TaskCompletionSource? _durableMoved;
    private RecordOutbox _outbox;
    private bool _batchOpen, _closed;
    private long _captured, _capturedBytes, _lastSequence, _durable, _lostMicros;

    public CaptureStream(CaptureStreamOptions options, TimeProvider time) : this(options, time, EngineFlaws.None)
    {
    }

    internal CaptureStream(CaptureStreamOptions options, TimeProvider time, EngineFlaws flaws, LogEnds? log = null)
    {
        if (options.Problems().FirstOrDefault() is { } problem) throw new ArgumentException(problem, nameof(options));
        _options = options;
        _time = time;
        _flaws = flaws;
        (LogHead, _toSpill, _toRead) = (log?.Head, log?.ToSpill ?? new Signal(), log?.ToRead ?? new Signal());
        _volumes = [.. options.Volumes.OrderBy(v => v.Index).Select(v => new StreamVolumeState(v))];
        _byIndex = _volumes.ToDictionary(v => v.Index);
        _outbox = options.SpillAboveBytes is { } mark
            ? new RecordOutbox(options.OutboxBytes, options.FirstSequence, mark, _toSpill.Set)
            : new RecordOutbox(options.OutboxBytes, options.FirstSequence);
        _durable = options.FirstSequence - 1;
        lock (_gate) BeginBatch(_volumes);
    }

    /// <summary>Of a stream of an earlier life only the log is left: it is shipped, nothing is captured.</summary>
    internal CaptureStream(CaptureStreamOptions options, LeftLog left, TimeProvider time, LogEnds log)
    {
        (LogHead, _toSpill, _toRead) = (log.Head, log.ToSpill, log.ToRead);
        (_options, _time, _flaws, IsLeft) = (options, time, EngineFlaws.None, true);
        _volumes = [.. options.Volumes.OrderBy(v => v.Index).Select(v => new StreamVolumeState(v))];
        _byIndex = _volumes.ToDictionary(v => v.Index);
        _outbox = RecordOutbox.OfLog(left.Durable, left.Last, left.Bytes, left.OldestMicros);
        (_durable, _lastSequence, _batchOpen) = (left.Durable, left.Last, true);
    }

    public Epoch Epoch => _options.Epoch;
    public Guid StreamId => _options.StreamId;
    /// <summary>What the recovery site had before this stream's first record.</summary>
    public long BaseSequence => _options.FirstSequence - 1;
    /// <summary>Completes with the reason once capture was given up.</summary>
    public Task<ReasonCode> GivenUp => _givenUp.Task;
    public bool IsGivenUp => _givenUp.Task.IsCompleted;
    /// <summary>None while it was not.</summary>
    public ReasonCode GivenUpReason { get; private set; }
    public long LastSequence => Volatile.Read(ref _lastSequence);
    public long DurableSequence => Volatile.Read(ref _durable);
    public long CapturedBytes => Volatile.Read(ref _capturedBytes);

    /// <summary>There may be something to ship.</summary>
    internal Signal ToShip => _toShip;
    /// <summary>A volume was lost or the stream was given up.</summary>
    internal Signal ToTend => _toTend;

    internal bool Append(VolumeSink sink, long offset, ReadOnlySpan<byte> data)
    {
        lock (_gate)
        {
            if (!MayAppend(sink, offset, data.Length)) return false;
            if (data.IsEmpty || IsFlawed()) return true;
            if (!AppendWrite(sink.State, offset, data, RecordFlags.None)) return GiveUpLocked(ReasonCode.OutboxFull);
            Captured(sink.State, offset, data.Length);
        }
        _toShip.Set();
        return true;
    }

    internal bool AppendZero(VolumeSink sink, long offset, long length)
    {
        lock (_gate)
        {
            if (!MayAppend(sink, offset, length)) return false;
            if (length == 0 || IsFlawed()) return true;
            if (!AppendZeroes(sink.State, offset, length, RecordFlags.None))
                return GiveUpLocked(ReasonCode.OutboxFull);
            Captured(sink.State, offset, length);
        }
        _toShip.Set();
        return true;
    }

    /// <summary>
    /// Lets go of everything: sinks refuse, what was not shipped is forgotten. The gap is the change maps' now.
    /// </summary>
    public void GiveUp(ReasonCode reason)
    {
        lock (_gate) GiveUpLocked(reason);
    }

    private bool MayAppend(VolumeSink sink, long offset, long length)
    {
        WaitWhileHeld();
        if (_closed || sink.State.Sink != sink) return false;
        if (offset >= 0 && length >= 0 && length <= sink.State.SizeBytes && offset <= sink.State.SizeBytes - length)
            return true;
        // The request will be failed, so the mirror ends and the guest goes on without us: from here on order is lost.
        LoseLocked(sink);
        return false;
    }

    private void Captured(StreamVolumeState state, long offset, long length)
    {
        if (!_flaws.PullOverWrites) state.Written?.Add(offset, length);
        state.WholeUntilLost = state.EndedWhole = false;
        state.CapturedBytes += length;
        Volatile.Write(ref _capturedBytes, _capturedBytes + length);
    }

    // A write is cut where a chunk ends: the guest was not told yet that any of it is done.
    private bool AppendWrite(StreamVolumeState state, long offset, ReadOnlySpan<byte> data, RecordFlags flags)
    {
        var micros = NowMicros();
        state.Touched = true;
        while (!data.IsEmpty)
        {
            var room = _outbox.RoomInChunk - RecordCodec.HeaderLength;
            if (room < Math.Min(data.Length, WritePartMin)) room = RecordOutbox.ChunkLength - RecordCodec.HeaderLength;
            var part = data.Length <= room ? data.Length : room & ~511;
            var header = RecordHeader.Write(
                state.Index, _outbox.Last + 1, Epoch.Value, offset, part, micros, flags);
            if (!AppendRecord(header, data[..part], out _)) return false;
            data = data[part..];
            offset += part;
        }
        return true;
    }

    private bool AppendZeroes(StreamVolumeState state, long offset, long length, RecordFlags flags)
    {
        state.Touched = true;
        var header =
            RecordHeader.Zero(state.Index, _outbox.Last + 1, Epoch.Value, offset, length, NowMicros(), flags);
        return AppendRecord(header, default, out _);
    }

    private bool AppendRecord(in RecordHeader header, ReadOnlySpan<byte> data, out OutboxPosition position)
    {
        position = default;
        if (!_outbox.TryReserve(RecordCodec.SizeOf(data.Length), out var place)) return false;
        position = _outbox.Commit(RecordCodec.Write(place, header, data));
        Volatile.Write(ref _lastSequence, _outbox.Last);
        return true;
    }

    private bool AppendMark(RecordKind kind, byte[] payload, out OutboxPosition position) =>
        AppendRecord(
            new RecordHeader(
                kind, RecordFlags.None, 0, payload.Length, _outbox.Last + 1, Epoch.Value, 0, 0, NowMicros()),
            payload, out position);

    private bool GiveUpLocked(ReasonCode reason)
    {
        if (_closed) return false;
        _closed = true;
        if (reason == ReasonCode.OutboxFull && _logTakes != ReasonCode.None) reason = _logTakes;
        foreach (var volume in _volumes)
        {
            Close(volume);
            volume.WholeUntilLost = volume.EndedWhole = volume.AtRest = volume.Absent = false;
        }
        _lostMicros = _outbox.OldestMicros() ?? NowMicros();
        _outbox = new RecordOutbox(0, _outbox.Last + 1);
        GivenUpReason = reason;
        _givenUp.TrySetResult(reason);
        DurableMoved();
        _toShip.Set();
        _toTend.Set();
        _toSpill.Set();
        _toRead.Set();
        return false;
    }

    private static void Close(StreamVolumeState state)
    {
        state.Sink = null;
        state.Whole = false;
        state.Written = null;
    }

    private bool IsFlawed() =>
        _flaws.AckBeforeReceiveEvery > 0 && ++_captured % _flaws.AckBeforeReceiveEvery == 0;

    private long NowMicros() => (_time.GetUtcNow() - DateTimeOffset.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond;
}
