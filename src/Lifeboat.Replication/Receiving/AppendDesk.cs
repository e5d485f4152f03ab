// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Journaling.Segments;
using Lifeboat.Protection;
using Lifeboat.Replication.Linking;
using Lifeboat.Replication.Replicas;

namespace Lifeboat.Replication.Receiving;

// Appends one session's frames: those at hand together, and beside the receiving of more, since much of an append is
// waiting for the disk. What comes alone is appended by who received it, which is sooner.
//
// Invariants
//   Runs are appended in the order that their frames came in, one at a time: who appends has set _busy.
//   A run that was gathered is appended once nothing more is at hand, or handed over once no more fits.
//   After a run that was refused nothing is appended any more.
internal sealed class AppendDesk(ReplicaReceiver owner, Func<Run, ReplicaAppendOutcome, Refused?> judge)
{
    private readonly Lock _gate = new();
    private readonly Signal _toAppend = new(), _moved = new();
    private readonly Replica _replica = owner.Replica;
    private Run? _gathered; // only who receives adds to it, and not while it pauses
    private Run? _handed;
    private int _underWay;  // bytes of records that are being appended
    private bool _busy;
    private bool _pauses;
    private Run? _placed;   // where the records of the frame that comes next are being put

    /// <summary>Nothing more was at hand when last asked for.</summary>
    public bool Pauses
    {
        get { lock (_gate) return _pauses; }
    }

    /// <summary>Where the records of the next frame are to be put, to be appended without being moved.</summary>
    public Memory<byte> Place(ReadOnlySpan<byte> head, int length)
    {
        if (!FrameHeader.TryForesee(head, out var frame) || length > AppendRoom.RecordsMax) return default;
        lock (_gate)
        {
            if (_gathered is not null && !Continues(_gathered, frame, length))
            {
                if (_handed is not null) return default;
                (_handed, _gathered) = (_gathered, null);
                _toAppend.Set();
            }
            _placed = _gathered;
        }
        _placed ??= new Run(frame with { Count = 0 }, 0) { Room = _replica.NewRoom(Ahead()) };
        return _placed.Room!.Free(length);
    }

    /// <returns>Why the session is over.</returns>
    public async Task<Refused?> TakeAsync(FrameHeader frame, ReadOnlyMemory<byte> records, CancellationToken ct)
    {
        var placed = _placed;
        lock (_gate) (_placed, _pauses) = (null, false);
        if (owner.Flaws.ApplyOutOfOrder) records = FlawedFrames.Swap(records);
        owner.CountReceived(records.Length);
        if (placed is not null)
        {
            _gathered = placed;
            placed.Take(frame, records);
            return null;
        }
        if (_gathered is not null && !Continues(_gathered, frame, records.Length)) await HandOverAsync(ct);
        if (records.Length > AppendRoom.RecordsMax)
            return await DrainAsync(ct) ?? judge(new Run(frame, records.Length), await _replica.AppendAsync(
                frame.Epoch, frame.StreamId, frame.First, records, CancellationToken.None));
        _gathered ??= new Run(frame with { Count = 0 }, 0) { Room = _replica.NewRoom(Ahead()) };
        _gathered.Take(frame, records);
        return null;
    }

    /// <summary>Nothing more is at hand.</summary>
    /// <returns>Why the session is over.</returns>
    public async Task<Refused?> PauseAsync()
    {
        Run run;
        lock (_gate)
        {
            _pauses = true;
            // Who is busy, or about to be, takes it when that is done; what is being added to is not whole.
            if (_busy || _handed is not null || _placed is not null || _gathered is null) return null;
            run = Begin(ref _gathered);
        }
        return await AppendAsync(run);
    }

    /// <summary>Returns when everything that came is appended.</summary>
    /// <returns>Why the session is over.</returns>
    public async Task<Refused?> DrainAsync(CancellationToken ct)
    {
        while (true)
        {
            lock (_gate)
                if (!_busy && _handed is null) break;
            await _moved.WaitAsync(ct);
        }
        return await PauseAsync();
    }

    /// <returns>Why the session is over.</returns>
    public async Task<Refused> AppendAllAsync(CancellationToken ct)
    {
        while (true)
        {
            if (!TryBegin(out var run)) await _toAppend.WaitAsync(ct);
            else if (await AppendAsync(run!) is { } refused) return refused;
        }
    }

    private async Task HandOverAsync(CancellationToken ct)
    {
        while (true)
        {
            lock (_gate)
            {
                if (_handed is null)
                {
                    (_handed, _gathered) = (_gathered, null);
                    break;
                }
            }
            await _moved.WaitAsync(ct);
        }
        _toAppend.Set();
    }

    private bool TryBegin(out Run? run)
    {
        run = null;
        lock (_gate)
        {
            if (_busy) return false;
            if (_handed is not null) run = Begin(ref _handed);
            else if (_pauses && _placed is null && _gathered is not null) run = Begin(ref _gathered);
        }
        if (run is not null) _moved.Set();
        return run is not null;
    }

    private Run Begin(ref Run? from)
    {
        var run = from!;
        (from, _busy, _underWay) = (null, true, run.Length);
        return run;
    }

    // Never cancelled in the middle: what the journal did must be known when a newer session begins.
    private async Task<Refused?> AppendAsync(Run run)
    {
        var (epoch, stream, first) = (run.Frame.Epoch, run.Frame.StreamId, run.Frame.First);
        var outcome = await _replica.AppendAsync(epoch, stream, first, run.Room!, CancellationToken.None);
        if (judge(run, outcome) is { } refused) return refused;
        lock (_gate) (_busy, _underWay) = (false, 0);
        _moved.Set();
        return null;
    }

    private bool Continues(Run run, FrameHeader next, int length) =>
        run.Length + length <= owner.Options.AppendBytes && run.Room!.Fits(length) && run.Frame.Epoch == next.Epoch
        && run.Frame.StreamId == next.StreamId && run.Frame.Last + 1 == next.First;

    private int Ahead()
    {
        lock (_gate) return _handed?.Length ?? _underWay;
    }
}

/// <summary>Frames whose records follow each other.</summary>
/// <param name="length">Bytes of records.</param>
internal sealed class Run(FrameHeader frame, int length)
{
    /// <summary>As if they were one.</summary>
    public FrameHeader Frame { get; set; } = frame;
    public int Length { get; set; } = length;
    public AppendRoom? Room { get; init; }

    /// <param name="records">They may be there already.</param>
    public void Take(FrameHeader next, ReadOnlyMemory<byte> records)
    {
        Frame = Frame with { Count = Frame.Count + next.Count };
        Length += records.Length;
        if (records.Span == Room!.Free(records.Length).Span) Room.Take(records.Length);
        else Room.Add(records.Span);
    }
}
