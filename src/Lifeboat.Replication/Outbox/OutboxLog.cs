// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Journaling;
using Lifeboat.Journaling.Segments;
using Lifeboat.Journaling.Storage;
using Lifeboat.Protection;

namespace Lifeboat.Replication.Outbox;

// The rung below memory: a journal of the records that a stream could not ship yet. It is never flushed for its own
// sake: what a lost host forgets of it, the change maps and the hash compare find; what it lives for is memory.
//
// Invariants
//   Segments are there only with the head that says whose they are; a head changes only while there are none.
//   Records are contiguous; a run that does not follow begins the log anew, when nothing in it is needed any more.
//   One thing at a time happens to it (_gate); guests never wait for any of it.
internal sealed class OutboxLog(IStorage storage, OutboxLogOptions options, Func<ulong> newSalt) : IAsyncDisposable
{
    private readonly Turnstile _gate = new();
    private Journal? _journal;
    private JournalReader? _reader;
    private long _readerNext;
    private bool _readerHolds;

    public LogHead? Head { get; private set; }
    /// <summary>A write has failed: nothing is added until it is begun or opened anew.</summary>
    public bool Failed { get; private set; }

    /// <summary>
    /// Adds a run. One that does not follow what is there begins the log anew under this head; the caller has seen that
    /// nothing in it is needed.
    /// </summary>
    /// <returns>Full: nothing was kept; the bound is reached or the disk is full.</returns>
    /// <exception cref="StorageException">It failed.</exception>
    /// <exception cref="JournalException">It failed.</exception>
    public async ValueTask<AppendOutcome> AppendAsync(LogHead head, OutboxRun run, CancellationToken ct)
    {
        await _gate.EnterAsync(ct);
        try
        {
            if (_journal is null || Failed || Head != head || run.First != _journal.LastSequence + 1)
            {
                if (!await TryBeginAsync(head, run.First, ct)) return AppendOutcome.Full;
            }
            if (_journal!.Bytes + run.Records.Length > options.BytesMax) return AppendOutcome.Full;
            return await _journal.AppendAsync(run.Records, ct);
        }
        catch (Exception e) when (e is StorageException or JournalException)
        {
            Failed = true;
            throw;
        }
        finally
        {
            _gate.Leave();
        }
    }

    /// <summary>Whole records from this one on, as many as fit; the caller knows that they are there.</summary>
    /// <exception cref="StorageException">They cannot be read.</exception>
    /// <exception cref="JournalException">They are damaged or not there.</exception>
    public async ValueTask<OutboxRun> ReadAsync(long from, long last, Memory<byte> buffer, CancellationToken ct)
    {
        await _gate.EnterAsync(ct);
        try
        {
            if (_journal is not { } journal)
                throw new JournalException(JournalFault.SequenceUnknown, $"record {from} is not in the log");
            if (_reader is null || _readerNext != from)
                (_reader, _readerNext, _readerHolds) = (journal.Read(from, long.MaxValue), from, false);
            int used = 0, count = 0;
            while (_readerNext <= last)
            {
                // A record that did not fit is still at hand.
                if (!_readerHolds) await _reader.ReadAsync(ct);
                _readerHolds = used + _reader.Record.Length > buffer.Length;
                if (_readerHolds) break;
                _reader.Record.CopyTo(buffer[used..]);
                used += _reader.Record.Length;
                count++;
                _readerNext++;
            }
            return count > 0
                ? new OutboxRun(buffer[..used], from, count)
                : throw new JournalException(JournalFault.Corrupt, $"record {from} is too long");
        }
        catch (Exception e) when (e is StorageException or JournalException)
        {
            _reader = null;
            throw;
        }
        finally
        {
            _gate.Leave();
        }
    }

    /// <summary>Everything up to here is durable at the recovery site: whole segments of it go.</summary>
    public async ValueTask TrimAsync(long durable, CancellationToken ct)
    {
        await _gate.EnterAsync(ct);
        try
        {
            if (_journal is not { } journal) return;
            if (durable >= journal.LastSequence) await WipeAsync(ct);
            else if (!Failed) await journal.TrimAsync(durable, ct);
        }
        catch (Exception e) when (e is StorageException or JournalException)
        {
            Failed = true;
            throw;
        }
        finally
        {
            _gate.Leave();
        }
    }

    /// <summary>Opens what an earlier stream left behind, if a replica that stands here can take it.</summary>
    /// <returns>What follows there; null: nothing that may be sent.</returns>
    /// <exception cref="StorageException">It cannot be read now.</exception>
    public async Task<LeftLog?> OpenLeftAsync(string group, Epoch epoch, Guid replica, Guid stream, long durable,
        CancellationToken ct)
    {
        await _gate.EnterAsync(ct);
        try
        {
            await CloseAsync();
            var head = await LogHead.ReadAsync(storage, ct);
            if (head?.Fits(group, epoch, replica, stream, durable) != true) return null;
            if (!await Journal.ExistsAsync(storage, ct)) return null;
            _journal = await Journal.OpenAsync(storage, JournalOptions, durable, ct);
            (Head, Failed) = (head, false);
            if (_journal.LastSequence <= durable) return null;
            var first = _journal.Read(durable + 1, durable + 1);
            await first.ReadAsync(ct);
            return new LeftLog(head.StreamId, durable, _journal.LastSequence, _journal.Bytes, first.Header.TimeMicros);
        }
        catch (JournalException)
        {
            await CloseAsync();
            return null; // it does not reach, or is damaged: the change map or the hash compare knows the gap
        }
        finally
        {
            _gate.Leave();
        }
    }

    /// <summary>Nothing in it is worth anything any more.</summary>
    public async Task ClearAsync(CancellationToken ct)
    {
        await _gate.EnterAsync(ct);
        try
        {
            await WipeAsync(ct);
        }
        finally
        {
            _gate.Leave();
        }
    }

    public ValueTask DisposeAsync() => CloseAsync();

    private JournalOptions JournalOptions => new()
    {
        SegmentBytes = options.SegmentBytes,
        RecycleMax = 2,
        ReserveBytes = options.ReserveBytes,
        NewSalt = newSalt,
    };

    private async ValueTask<bool> TryBeginAsync(LogHead head, long first, CancellationToken ct)
    {
        try
        {
            await WipeAsync(ct);
            if (await storage.FreeBytesAsync(ct) < options.ReserveBytes + options.SegmentBytes) return false;
            await head.WriteAsync(storage, ct);
            _journal = await Journal.OpenAsync(storage, JournalOptions, first - 1, ct);
            Head = head;
            return true;
        }
        catch (StorageException e) when (e.Fault == StorageFault.Full)
        {
            return false;
        }
    }

    private async ValueTask WipeAsync(CancellationToken ct)
    {
        await CloseAsync();
        var names = await storage.ListAsync(ct);
        if (names.Count == 0) return;
        foreach (var name in names.Where(n => !LogHead.IsName(n))) await storage.DeleteAsync(name, ct);
        await storage.SyncAsync(ct);
    }

    private async ValueTask CloseAsync()
    {
        var journal = _journal;
        (_journal, _reader, Head, Failed) = (null, null, null, false);
        if (journal is not null) await journal.DisposeAsync();
    }
}

/// <summary>What an earlier stream left in the log and a replica does not have.</summary>
/// <param name="Durable">What the replica has.</param>
/// <param name="OldestMicros">Source clock of the first record.</param>
internal sealed record LeftLog(Guid StreamId, long Durable, long Last, long Bytes, long OldestMicros);
