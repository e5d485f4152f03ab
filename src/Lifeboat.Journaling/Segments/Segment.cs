// SPDX-License-Identifier: Apache-2.0
using System.Runtime.InteropServices;
using Lifeboat.Journaling.Storage;

namespace Lifeboat.Journaling.Segments;

// Invariants of a segment
//   Sequences are contiguous from FirstSequence to LastSequence. A record never crosses a segment.
//   Bytes from Tail on do not exist, whatever the file length says.
//   A segment is begun only after the one before it is durable to its end.
internal sealed class Segment(IStorageFile file, SegmentHeader header, bool recycled)
{
    private const int EntriesMin = 64;

    private readonly Lock _lock = new();
    private RecordEntry[]? _entries; // those in front never change: a snapshot is no copy
    private int _entryCount;
    private volatile bool _tableIsStale;

    public long FirstSequence => header.FirstSequence;
    public ulong Salt => header.Salt;
    public IStorageFile File => file;
    /// <summary>The file is longer than what was written in this life; it is not cut after a failed append.</summary>
    public bool Recycled => recycled;
    public long Tail { get; private set; } = SegmentHeader.Length;
    public long LastSequence { get; private set; } = header.FirstSequence - 1;
    public bool HoldsEntries
    {
        get { lock (_lock) return _entries is not null || EntryCount == 0; }
    }
    /// <summary>Entries that the index file has, of a segment that still grows.</summary>
    public int IndexedCount { get; set; }
    /// <summary>What the last flush covered.</summary>
    public (long LastSequence, long Tail) Durable { get; set; } = (header.FirstSequence - 1, SegmentHeader.Length);
    public (long LastSequence, long Tail) End
    {
        get { lock (_lock) return (LastSequence, Tail); }
    }
    /// <summary>Records are lost that the table of an index from before names: it counts no more.</summary>
    public bool TableIsStale => _tableIsStale;
    public int EntryCount => checked((int)(LastSequence - FirstSequence + 1));
    public string Name => SegmentName.Of(FirstSequence);

    public void MarkTableStale() => _tableIsStale = true;

    /// <summary>A sealed segment whose entries are in its index file.</summary>
    public void AssumeSealed(long lastSequence, long tail)
    {
        LastSequence = lastSequence;
        Tail = tail;
    }

    /// <summary>Its index is not what it seemed.</summary>
    public void Unseal() => AssumeSealed(FirstSequence - 1, SegmentHeader.Length);

    public void Add(ReadOnlySpan<RecordEntry> entries, long tail)
    {
        lock (_lock)
        {
            entries.CopyTo(RoomFor(entries.Length));
            LastSequence += entries.Length;
            Tail = tail;
        }
    }

    /// <summary>There are records up to this sequence, and nobody can say what they were.</summary>
    public void AddLost(long last, long position)
    {
        MarkTableStale();
        var lost = RecordEntry.Lost(checked((uint)position));
        lock (_lock)
        {
            var count = Math.Max(0, last - LastSequence);
            RoomFor((int)count).Fill(lost);
            LastSequence += count;
        }
    }

    /// <summary>
    /// Entries whose extents count up to a sequence, over a base. Those that the base has do no harm, except where
    /// some are lost: one of these may have written over an earlier one, and only the base knows.
    /// </summary>
    public ReadOnlySpan<RecordEntry> Named(ArraySegment<RecordEntry> entries, long folded, long to)
    {
        var named = entries.AsSpan(0, (int)Math.Min(entries.Count, to - FirstSequence + 1));
        if (folded < FirstSequence || !RecordEntry.AnyLost(named)) return named;
        return named[(int)Math.Min(named.Length, folded - FirstSequence + 1)..];
    }

    /// <summary>Entries kept in memory: of the active segment, or of one just scanned.</summary>
    public ArraySegment<RecordEntry>? SnapshotEntries()
    {
        lock (_lock)
        {
            if (_entries is { } entries) return new ArraySegment<RecordEntry>(entries, 0, _entryCount);
            if (EntryCount == 0) return ArraySegment<RecordEntry>.Empty;
            return null;
        }
    }

    /// <summary>The index file has them now.</summary>
    public void DropEntries()
    {
        lock (_lock)
        {
            _entries = null;
            _entryCount = 0;
        }
    }

    // Under the lock. Whoever has a snapshot keeps the array that it was taken of.
    private Span<RecordEntry> RoomFor(int count)
    {
        var (at, needed) = (_entryCount, _entryCount + count);
        _entries ??= [];
        if (_entries.Length < needed)
            Array.Resize(ref _entries, Math.Max(needed, Math.Max(EntriesMin, 2 * _entries.Length)));
        _entryCount = needed;
        return _entries.AsSpan(at, count);
    }

    public static ReadOnlySpan<byte> BytesOf(ReadOnlySpan<RecordEntry> entries) => MemoryMarshal.AsBytes(entries);
}
