// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection;
using Lifeboat.Replication.Outbox;

namespace Lifeboat.Replication.Capture;

// What goes to the log and comes back from it. Guests never wait for it: appends go to memory, one loop moves the
// oldest of it to the log, another reads ahead what the shipper wants next (see GroupSource.Ladder). Nothing behind a
// checkpoint that waits for its confirmation is written to the log, because it may yet be withdrawn.
public sealed partial class CaptureStream
{
    private byte[][] _readBuffers = [];
    private int _readLent;
    private OutboxRun? _read;
    private OutboxChunk? _spillChunk;
    private bool _spillsAll, _spilling;
    private ReasonCode _logTakes = ReasonCode.None;

    /// <summary>It captures nothing: it is what an earlier stream left in the log.</summary>
    internal bool IsLeft { get; }
    /// <summary>Under what its records are logged; null: there is no log.</summary>
    internal LogHead? LogHead { get; }
    /// <summary>There may be something to move to the log or to trim there.</summary>
    internal Signal ToSpill => _toSpill;
    /// <summary>The shipper may want something out of the log.</summary>
    internal Signal ToRead => _toRead;

    /// <summary>Everything goes to the log at once, however little it is.</summary>
    internal bool SpillsAll
    {
        get { lock (_gate) return _spillsAll; }
        set
        {
            lock (_gate) _spillsAll = value;
            _toSpill.Set();
        }
    }

    /// <summary>Why the log takes nothing more; None: it does. When memory is full too, that is the reason.</summary>
    internal ReasonCode LogTakes
    {
        get { lock (_gate) return _logTakes; }
        set { lock (_gate) _logTakes = value; }
    }

    /// <summary>Bytes that are not durable at the recovery site, by where they are.</summary>
    internal (long Memory, long Log, bool HasLog) Levels()
    {
        lock (_gate) return (_outbox.MemoryBytes, _outbox.LogBytes, _outbox.HasLog);
    }

    /// <summary>The oldest run in memory, when it is to go to the log. <see cref="EndSpill"/> follows.</summary>
    internal bool TryTakeSpill(out OutboxRun run)
    {
        lock (_gate)
        {
            run = default;
            if (_closed || IsLeft || LogHead is null) return false;
            var mark = _options.SpillAboveBytes ?? 0;
            // Down to half of the mark, so that it is not crossed with every other chunk.
            _spilling = _outbox.MemoryBytes > (_spilling ? mark / 2 : mark);
            if (!_spilling && !_spillsAll) return false;
            var upTo = _flaws.SpillUnconfirmed ? long.MaxValue : _shipUpTo;
            return _outbox.TryTakeSpill(RecordOutbox.ChunkLength, upTo, out run, out _spillChunk);
        }
    }

    /// <param name="kept">It is in the log; else it stays in memory.</param>
    internal void EndSpill(in OutboxRun run, bool kept)
    {
        lock (_gate)
        {
            if (!_closed) _outbox.Spilled(run, _spillChunk!, kept);
            _spillChunk = null;
        }
    }

    /// <summary>What became durable of the log since the last call; null: nothing.</summary>
    internal long? TakeLogMoved()
    {
        lock (_gate)
        {
            if (_closed || !_outbox.LogMoved) return null;
            _outbox.LogMoved = false;
            return _outbox.Durable;
        }
    }

    /// <summary>The shipper will want records out of the log that were not read yet.</summary>
    /// <param name="buffer">Where they go; nobody else uses it until they are offered and taken.</param>
    internal bool WantsRead(out long from, out long last, out Memory<byte> buffer)
    {
        lock (_gate)
        {
            (from, last, buffer) = (_outbox.Shipped + 1, _outbox.Head, default);
            if (_closed || from > last || _read?.First == from) return false;
            if (_readBuffers.Length == 0) _readBuffers = [RecordOutbox.NewBuffer(), RecordOutbox.NewBuffer()];
            buffer = _readBuffers[1 - _readLent];
            _read = null; // one that went stale is in this very buffer
            return true;
        }
    }

    /// <summary>They were read. What a new session made stale meanwhile is asked for again.</summary>
    internal void OfferRead(in OutboxRun run)
    {
        lock (_gate)
        {
            if (_closed) return;
            _read = run;
        }
        _toShip.Set();
    }

    private bool TryTakeRead(out OutboxRun run)
    {
        run = default;
        var ready = _read?.First == _outbox.Shipped + 1;
        if (ready)
        {
            run = _read!.Value;
            _read = null;
            _readLent = 1 - _readLent; // the shipper has given the other one back by taking this one
            _outbox.TakeLogged(run);
        }
        _toRead.Set();
        return ready;
    }
}

/// <summary>What ties a stream to the loops that serve its log.</summary>
internal sealed record LogEnds(LogHead Head, Signal ToSpill, Signal ToRead);
