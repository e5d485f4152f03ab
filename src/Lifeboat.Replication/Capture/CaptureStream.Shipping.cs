// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Replication.Outbox;

namespace Lifeboat.Replication.Capture;

// What the session takes out and learns back.
public sealed partial class CaptureStream
{
    /// <summary>Bytes of records that are not durable at the recovery site.</summary>
    public long OutboxBytes
    {
        get { lock (_gate) return _outbox.Bytes; }
    }

    /// <summary>
    /// Age of the oldest record that is not durable at the recovery site; once given up, the time since the recovery
    /// site last had everything.
    /// </summary>
    public TimeSpan Lag
    {
        get
        {
            long? oldest;
            lock (_gate) oldest = _closed ? _lostMicros : _outbox.OldestMicros();
            if (oldest is not { } micros) return TimeSpan.Zero;
            return TimeSpan.FromMicroseconds(Math.Max(0, NowMicros() - micros));
        }
    }

    /// <summary>The next records to ship.</summary>
    internal bool TryTake(int bytesMax, out OutboxRun run)
    {
        lock (_gate)
        {
            run = default;
            if (_closed) return false;
            return _outbox.Shipped < _outbox.Head
                ? TryTakeRead(out run)
                : _outbox.TryTake(bytesMax, _shipUpTo, out run);
        }
    }

    /// <summary>What a session has been given to ship so far.</summary>
    internal long ShippedSequence
    {
        get { lock (_gate) return _outbox.Shipped; }
    }

    /// <summary>
    /// A new session: goes on from what the recovery site has, when the outbox still holds what follows.
    /// </summary>
    internal bool TryReplayFrom(long durable)
    {
        lock (_gate)
        {
            if (_closed || durable < _outbox.Durable || durable > _outbox.Last || durable > _shipUpTo) return false;
            if (!_flaws.ReplayFromShipped) _outbox.Rewind(durable);
            Volatile.Write(ref _durable, _outbox.Durable);
            DurableMoved();
        }
        _toShip.Set();
        return true;
    }

    /// <summary>The recovery site says durable.</summary>
    /// <returns>False: it claims more than it was sent.</returns>
    internal bool MarkDurable(long sequence)
    {
        lock (_gate)
        {
            if (_closed) return true;
            if (sequence > _outbox.Shipped) return false;
            if (sequence <= _outbox.Durable) return true;
            _outbox.MarkDurable(sequence);
            Volatile.Write(ref _durable, sequence);
            DurableMoved();
        }
        return true;
    }

    /// <returns>True: durable. False: the stream was given up before.</returns>
    public async Task<bool> WaitDurableAsync(long sequence, CancellationToken ct)
    {
        while (true)
        {
            Task moved;
            lock (_gate)
            {
                if (_durable >= sequence) return true;
                if (_closed) return false;
                _durableMoved ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                moved = _durableMoved.Task;
            }
            await moved.ArriveAsync(ct);
        }
    }

    private void DurableMoved()
    {
        _durableMoved?.TrySetResult();
        _durableMoved = null;
        if (_outbox.LogMoved) _toSpill.Set();
    }
}
