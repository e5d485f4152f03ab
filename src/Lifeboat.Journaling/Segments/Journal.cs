// SPDX-License-Identifier: Apache-2.0
using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using Lifeboat.Journaling.Storage;
using Lifeboat.Protection;

namespace Lifeboat.Journaling.Segments;

// The ordered log of a replica: segments over a storage.
//
// Invariants
//   Sequences are contiguous from FirstSequence to LastSequence. DurableSequence never exceeds what was flushed.
//   Only the last segment grows; all before it are durable to their end.
//   What follows the last intact block after a crash is zeroed, durably, before anything is appended: so a block that
//   survived behind a lost one can never continue a later history.
//   A failed write or flush (other than a full disk) poisons the journal: only reopening tells what is on the medium.
//
// Locks: _gate orders append, roll and trim; _flushGate orders flushes. A flush runs beside appends, and covers those
// that were there when it began (group commit). Readers take a hold and read files without a lock.
public sealed partial class Journal : IAsyncDisposable
{
    private readonly IStorage _storage;
    private readonly JournalOptions _options;
    private readonly Turnstile _gate = new();
    private readonly Turnstile _flushGate = new();
    private readonly Lock _lock = new();
    private readonly List<JournalHold> _holds = [];
    private readonly Queue<string> _free = new();
    private volatile Segment[] _segments = [];
    private volatile Exception? _poison;
    private readonly ConcurrentQueue<JournalDamage> _found = new();
    private DurableMark? _mark; // set before the first flush
    private long _freeNumber;
    private long _durable;

    private Journal(IStorage storage, JournalOptions options)
    {
        _storage = storage;
        _options = options;
        _warm = new WarmAppends(options.Warm);
    }

    /// <summary>The oldest record that can be read; one more than the last when the journal is empty.</summary>
    public long FirstSequence => _segments[0].FirstSequence;
    public long LastSequence => _segments[^1].LastSequence;
    public long DurableSequence => Interlocked.Read(ref _durable);
    /// <summary>Bytes of segments in use, not counting those kept for reuse.</summary>
    public long Bytes => _segments.Sum(s => s.Tail);

    internal IReadOnlyList<Segment> Segments => _segments;

    /// <summary>Takes damage that was found since the last call, oldest first.</summary>
    public bool TryTakeDamage([MaybeNullWhen(false)] out JournalDamage damage) => _found.TryDequeue(out damage);

    /// <summary>Keeps records from this sequence on from being trimmed until disposed.</summary>
    public JournalHold Hold(long fromSequence)
    {
        lock (_lock)
        {
            if (fromSequence < FirstSequence || fromSequence > LastSequence + 1)
                throw new JournalException(JournalFault.SequenceUnknown,
                    $"sequence {fromSequence} is not in the journal ({FirstSequence} to {LastSequence})");
            var hold = new JournalHold(fromSequence, Release);
            _holds.Add(hold);
            return hold;
        }
    }

    /// <summary>
    /// Makes everything appended before the call durable. Concurrent calls share flushes.
    /// </summary>
    /// <returns>The durable sequence.</returns>
    /// <exception cref="StorageException">The flush failed; the journal is poisoned.</exception>
    public async ValueTask<long> FlushAsync(CancellationToken ct)
    {
        var wanted = LastSequence;
        await _flushGate.EnterAsync(ct);
        try
        {
            if (DurableSequence < wanted) await FlushLockedAsync(ct);
            return DurableSequence;
        }
        finally
        {
            _flushGate.Leave();
        }
    }

    public async ValueTask DisposeAsync()
    {
        _warm.Forget(long.MaxValue);
        foreach (var segment in _segments) await segment.File.DisposeAsync();
        if (_mark is not null) await _mark.DisposeAsync();
    }

    private async ValueTask FlushLockedAsync(CancellationToken ct)
    {
        ThrowIfPoisoned();
        // Older segments are durable already, so the last one's end is the journal's.
        var segment = _segments[^1];
        var end = segment.End;
        var upTo = end.LastSequence;
        try
        {
            await segment.File.FlushAsync(ct);
        }
        catch (StorageException e)
        {
            _poison = e;
            throw;
        }
        Invariant.Holds(upTo >= DurableSequence, "durable never falls");
        Interlocked.Exchange(ref _durable, upTo);
        segment.Durable = end;
        await _mark!.WriteAsync(upTo, Never);
    }

    private void ThrowIfPoisoned()
    {
        if (_poison is { } cause)
            throw new JournalException(JournalFault.Poisoned, "the journal failed and must be reopened", cause);
    }

    private void Release(JournalHold hold)
    {
        lock (_lock) _holds.Remove(hold);
    }
}

/// <summary>A reader's claim on history. Disposing twice is the same as once.</summary>
public sealed class JournalHold(long fromSequence, Action<JournalHold> release) : IDisposable
{
    public long FromSequence => fromSequence;

    public void Dispose() => release(this);
}
