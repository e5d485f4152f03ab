// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Journaling.Records;
using Lifeboat.Protection;

namespace Lifeboat.Replication.Outbox;

// Records that the recovery site has not made durable, in order, in memory. Not thread-safe: the stream's lock guards
// it.
//
//   head ──► … chunk ──► … tail
//     ^durable (D)   ^shipped (S)        D <= S <= last
//
// Invariants
//   Records are contiguous in sequence, over chunks too. A record never crosses a chunk.
//   Bytes before `shipped` never change again; a checkpoint that waits for its confirmation is behind it.
//   A chunk goes back to the pool only when all of it is durable, so nobody copies from it any more.
internal sealed class RecordOutbox
{
    /// <summary>Room for one write of the longest that guests commonly make.</summary>
    public const int ChunkLength = RecordCodec.HeaderLength + (256 << 10);
    private const int FreeMax = 64;

    private readonly Stack<byte[]> _free = new();
    private readonly int _chunksMax;
    private OutboxChunk _tail;
    private OutboxPosition _durableAt, _shippedAt;
    private int _chunks = 1;
    private long _bytes;

    public RecordOutbox(long bytesMax, long firstSequence)
    {
        _chunksMax = (int)Math.Clamp((bytesMax + ChunkLength - 1) / ChunkLength, 2, int.MaxValue);
        _tail = new OutboxChunk(NewBuffer());
        _durableAt = _shippedAt = new OutboxPosition(_tail, 0);
        Last = Durable = Shipped = firstSequence - 1;
    }

    public long Last { get; private set; }
    public long Durable { get; private set; }
    public long Shipped { get; private set; }
    /// <summary>Bytes of records that are not durable.</summary>
    public long Bytes => _bytes;
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
    public byte[]? TakeFree() => _free.TryPop(out var buffer) ? buffer : null;

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
        if (Shipped >= Math.Min(Last, upTo)) return false;
        var start = Skip(_shippedAt);
        var (chunk, at) = start;
        var count = 0;
        while (at < chunk.Used && Shipped + count < upTo)
        {
            var length = LengthAt(chunk, at);
            if (count > 0 && at + length - start.Offset > bytesMax) break;
            at += length;
            count++;
        }
        run = new OutboxRun(chunk.Buffer.AsMemory(start.Offset, at - start.Offset), Shipped + 1, count);
        _shippedAt = new OutboxPosition(chunk, at);
        Shipped += count;
        return true;
    }

    /// <summary>Everything up to this sequence is durable at the recovery site.</summary>
    public void MarkDurable(long sequence)
    {
        Invariant.Holds(sequence <= Shipped, "durable is never more than what was shipped");
        while (Durable < sequence)
        {
            var (chunk, at) = Skip(_durableAt);
            if (chunk != _durableAt.Chunk) Release(_durableAt.Chunk);
            var length = LengthAt(chunk, at);
            _durableAt = new OutboxPosition(chunk, at + length);
            _bytes -= length;
            Durable++;
        }
        if (Durable == Last) Restart();
    }

    /// <summary>A new session: ship again from what is durable there.</summary>
    public void Rewind(long durable)
    {
        Invariant.Holds(durable >= Durable && durable <= Last, "replay begins inside the outbox");
        Shipped = Math.Max(Shipped, durable);
        MarkDurable(durable);
        _shippedAt = _durableAt;
        Shipped = Durable;
    }

    /// <summary>Source clock of the oldest record that is not durable; null when all are.</summary>
    public long? OldestMicros()
    {
        if (Durable == Last) return null;
        var (chunk, at) = Skip(_durableAt);
        RecordCodec.TryReadHeader(chunk.Buffer.AsSpan(at), out var header);
        return header.TimeMicros;
    }

    /// <summary>Marks a checkpoint that was not shipped yet as withdrawn.</summary>
    public void Withdraw(OutboxPosition position)
    {
        var record = position.Chunk.Buffer.AsSpan(position.Offset);
        RecordCodec.TryReadHeader(record, out var header);
        Invariant.Holds(header.Kind == RecordKind.Checkpoint && header.Sequence > Shipped,
            "only a checkpoint that nobody has seen can be withdrawn");
        RecordCodec.Seal(record, header with { Flags = header.Flags | RecordFlags.Withdrawn });
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
        return true;
    }

    private void Release(OutboxChunk chunk)
    {
        _chunks--;
        Recycle(chunk.Buffer);
    }

    private void Recycle(byte[] buffer)
    {
        if (_free.Count < FreeMax) _free.Push(buffer);
    }

    // Everything is durable: the tail is filled from its start again.
    private void Restart()
    {
        if (_durableAt.Chunk != _tail) Release(_durableAt.Chunk);
        _tail.Used = 0;
        _durableAt = _shippedAt = new OutboxPosition(_tail, 0);
    }

    public static byte[] NewBuffer() => GC.AllocateUninitializedArray<byte>(ChunkLength);
}
