// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Journaling.Records;
using Lifeboat.Protection;

namespace Lifeboat.Replication.Outbox;

// Records that the recovery site has not made durable, in order: the oldest may be in the log, the others are in
// memory. Not thread-safe: the stream's lock guards it.
//
//   [ log ]  head ──► … chunk ──► … tail
//   ^durable (D)            ^shipped (S)        D <= S <= last, D <= head; S may be before or behind the head
//
// Invariants
//   Records are contiguous in sequence, over log and chunks too. A record never crosses a chunk.
//   Memory holds (head, last]. When the log holds anything that is not durable, it ends exactly at the head.
//   Bytes before `shipped` or `head` never change again; a checkpoint that waits for its confirmation is behind both.
//   A chunk goes back to the pool only when nobody copies from it any more: all of it is durable or was never lent to
//   the shipper, and nothing of it is being written to the log.
internal sealed class RecordOutbox
{
    /// <summary>Room for one write of the longest that guests commonly make.</summary>
    public const int ChunkLength = RecordCodec.HeaderLength + (256 << 10);

    private readonly Stack<byte[]> _free = new();
    private int _unneeded; // were free all the time since the last look
    private readonly int _chunksMax;
    private OutboxChunk _tail;
    private readonly LoggedRuns _logged = new();
    private readonly Action? _pressed;
    private readonly int _pressedChunks = int.MaxValue;
    private OutboxPosition _headAt, _shippedAt;
    private int _chunks = 1;
    private long _bytes;

    public RecordOutbox(long bytesMax, long firstSequence)
    {
        _chunksMax = (int)Math.Clamp((bytesMax + ChunkLength - 1) / ChunkLength, 2, int.MaxValue);
        _tail = new OutboxChunk(NewBuffer());
        _headAt = _shippedAt = new OutboxPosition(_tail, 0);
        Last = Head = Durable = Shipped = firstSequence - 1;
    }

    /// <param name="pressed">Called when more than these bytes of memory are taken.</param>
    public RecordOutbox(long bytesMax, long firstSequence, long pressedBytes, Action pressed)
        : this(bytesMax, firstSequence) =>
        (_pressedChunks, _pressed) = ((int)Math.Max(1, pressedBytes / ChunkLength), pressed);

    /// <summary>One whose records are all in a log that was left behind.</summary>
    public static RecordOutbox OfLog(long durable, long last, long bytes, long oldestMicros)
    {
        var outbox = new RecordOutbox(0, last + 1) { Durable = durable, Shipped = durable };
        outbox._logged.Add(last, bytes, oldestMicros);
        return outbox;
    }

    public long Last { get; private set; }
    public long Durable { get; private set; }
    public long Shipped { get; private set; }
    /// <summary>Memory holds what comes after it.</summary>
    public long Head { get; private set; }
    /// <summary>The log holds records that are not durable.</summary>
    public bool HasLog => _logged.Last > Durable;
    /// <summary>Bytes of records that are not durable.</summary>
    public long Bytes => MemoryBytes + LogBytes;
    public long MemoryBytes => _bytes;
    public long LogBytes => _logged.Bytes;
    /// <summary>Bytes of memory that may still be filled.</summary>
    public long Room => (long)(_chunksMax - _chunks) * ChunkLength + _tail.Room;

    /// <summary>Bytes that the next record can have, header included, without a new chunk.</summary>
    public int RoomInChunk => _tail.Room;

    /// <summary>A place for the next record; the bytes count once <see cref="Commit"/> is called.</summary>
    /// <returns>False: the bound is reached.</returns>
    public bool TryReserve(int length, out Span<byte> place)
    {
        place = default;
        if (_tail.Room < length && !TryAddChunk()) return false;
        place = _tail.Buffer.AsSpan(_tail.Used, length);
        return true;
    }

    /// <summary>
    /// A buffer of <see cref="ChunkLength"/> for a record that is made outside; null: none is at hand, make one.
    /// </summary>
    public byte[]? TakeFree()
    {
        if (!_free.TryPop(out var buffer)) return null;
        _unneeded = Math.Min(_unneeded, _free.Count);
        return buffer;
    }

    /// <summary>Drops the buffers that nobody has needed since it was called last.</summary>
    /// <returns>These: their memory is to be given back, for the collector comes by seldom.</returns>
    public IReadOnlyList<byte[]> Trim()
    {
        var dropped = new byte[_unneeded][];
        for (var i = 0; i < dropped.Length; i++) dropped[i] = _free.Pop();
        _unneeded = _free.Count;
        return dropped;
    }

    /// <summary>
    /// Puts a buffer with the next record at its start behind all others; <see cref="Commit"/> follows.
    /// </summary>
    /// <returns>False: the bound is reached.</returns>
    public bool TryAdopt(byte[] buffer)
    {
        if (_tail.Used > 0) return TryAddChunk(buffer);
        Recycle(_tail.Buffer);
        _tail.Buffer = buffer;
        return true;
    }

    public OutboxPosition Commit(int length)
    {
        var position = new OutboxPosition(_tail, _tail.Used);
        _tail.Used += length;
        _bytes += length;
        Last++;
        return position;
    }

    /// <summary>The next run to ship, at most this long, up to and including a sequence.</summary>
    public bool TryTake(int bytesMax, long upTo, out OutboxRun run)
    {
        run = default;
        // What comes next is in the log: see TakeLogged.
        if (Shipped < Head || Shipped >= Math.Min(Last, upTo)) return false;
        run = RunAt(Skip(_shippedAt), Shipped, bytesMax, upTo, out _shippedAt);
        _shippedAt.Chunk.Lent = true;
        Shipped = run.Last;
        return true;
    }

    /// <summary>The next records were read from the log and are shipped.</summary>
    public void TakeLogged(in OutboxRun run)
    {
        Invariant.Holds(run.First == Shipped + 1 && run.Last <= Head, "the log is shipped in order");
        Shipped = run.Last;
    }

    /// <summary>The oldest run in memory, to be written to the log; <see cref="Spilled"/> follows.</summary>
    public bool TryTakeSpill(int bytesMax, long upTo, out OutboxRun run, out OutboxChunk? chunk)
    {
        (run, chunk) = (default, null);
        if (Head >= Math.Min(Last, upTo)) return false;
        run = RunAt(Skip(_headAt), Head, bytesMax, upTo, out var end);
        chunk = end.Chunk;
        chunk.Spilling = true;
        return true;
    }

    /// <param name="kept">It is in the log now; else it stays in memory.</param>
    public void Spilled(in OutboxRun run, OutboxChunk chunk, bool kept)
    {
        if (kept && run.Last > Durable)
        {
            RecordCodec.TryReadHeader(run.Records.Span, out var oldest);
            _logged.Add(run.Last, run.Records.Length, oldest.TimeMicros);
            AdvanceHead(run.Last, spilled: true);
        }
        chunk.Spilling = false;
    }

    /// <summary>Everything up to this sequence is durable at the recovery site.</summary>
    public void MarkDurable(long sequence)
    {
        Invariant.Holds(sequence <= Shipped, "durable is never more than what was shipped");
        Durable = Math.Max(Durable, sequence);
        LogMoved |= _logged.Drop(Durable);
        AdvanceHead(Durable, spilled: false);
        if (Durable == Last) Restart();
    }

    /// <summary>Something of the log has become durable: it may be trimmed. Reset by who does.</summary>
    public bool LogMoved { get; set; }

    /// <summary>A new session: ship again from what is durable there.</summary>
    public void Rewind(long durable)
    {
        Invariant.Holds(durable >= Durable && durable <= Last, "replay begins inside the outbox");
        Shipped = Math.Max(Shipped, durable);
        MarkDurable(durable);
        _shippedAt = _headAt;
        Shipped = Durable;
    }

    /// <summary>Source clock of the oldest record that is not durable; null when all are.</summary>
    public long? OldestMicros()
    {
        if (Durable == Last) return null;
        if (HasLog) return _logged.OldestMicros;
        var (chunk, at) = Skip(_headAt);
        RecordCodec.TryReadHeader(chunk.Buffer.AsSpan(at), out var header);
        return header.TimeMicros;
    }

    /// <summary>Marks a checkpoint that was not shipped yet as withdrawn.</summary>
    public void Withdraw(OutboxPosition position)
    {
        var record = position.Chunk.Buffer.AsSpan(position.Offset);
        RecordCodec.TryReadHeader(record, out var header);
        Invariant.Holds(header.Kind == RecordKind.Checkpoint && header.Sequence > Math.Max(Shipped, Head),
            "only a checkpoint that nobody has seen can be withdrawn");
        RecordCodec.Seal(record, header with { Flags = header.Flags | RecordFlags.Withdrawn });
    }

    private OutboxRun RunAt(OutboxPosition start, long before, int bytesMax, long upTo, out OutboxPosition end)
    {
        var (chunk, at) = start;
        var count = 0;
        while (at < chunk.Used && before + count < upTo)
        {
            var length = LengthAt(chunk, at);
            if (count > 0 && at + length - start.Offset > bytesMax) break;
            at += length;
            count++;
        }
        end = new OutboxPosition(chunk, at);
        return new OutboxRun(chunk.Buffer.AsMemory(start.Offset, at - start.Offset), before + 1, count);
    }

    private void AdvanceHead(long sequence, bool spilled)
    {
        while (Head < sequence)
        {
            var (chunk, at) = Skip(_headAt);
            if (chunk != _headAt.Chunk) Release(_headAt.Chunk, spilled);
            var length = LengthAt(chunk, at);
            _headAt = new OutboxPosition(chunk, at + length);
            _bytes -= length;
            Head++;
        }
        if (Shipped <= Head) _shippedAt = _headAt;
    }

    private static OutboxPosition Skip(OutboxPosition position)
    {
        var (chunk, at) = position;
        while (at == chunk.Used && chunk.Next is { } next) (chunk, at) = (next, 0);
        return new OutboxPosition(chunk, at);
    }

    private static int LengthAt(OutboxChunk chunk, int at)
    {
        var outcome = RecordCodec.TryReadHeader(chunk.Buffer.AsSpan(at), out var header);
        Invariant.Holds(outcome == RecordReadOutcome.Read, "the outbox holds records");
        return RecordCodec.SizeOf(header.DataLength);
    }

    private bool TryAddChunk(byte[]? buffer = null)
    {
        if (_chunks >= _chunksMax) return false;
        _chunks++;
        var chunk = new OutboxChunk(buffer ?? TakeFree() ?? NewBuffer());
        _tail.Next = chunk;
        _tail = chunk;
        if (_chunks > _pressedChunks) _pressed!();
        return true;
    }

    private void Release(OutboxChunk chunk, bool spilled)
    {
        _chunks--;
        if (chunk.Spilling || (spilled && chunk.Lent)) return; // whoever still copies from it keeps it alive
        Recycle(chunk.Buffer);
    }

    // All of them: those of an outage would else be garbage that is in memory until somebody collects it.
    private void Recycle(byte[] buffer) => _free.Push(buffer);

    // Everything is durable: the tail is filled from its start again.
    private void Restart()
    {
        if (_tail.Spilling) return; // it goes on behind what is being written to the log
        if (_headAt.Chunk != _tail) Release(_headAt.Chunk, spilled: false);
        _tail.Used = 0;
        _tail.Lent = false;
        _headAt = _shippedAt = new OutboxPosition(_tail, 0);
    }

    public static byte[] NewBuffer() => GC.AllocateUninitializedArray<byte>(ChunkLength);
}
