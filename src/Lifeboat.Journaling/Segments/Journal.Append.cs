// SPDX-License-Identifier: Apache-2.0
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Lifeboat.Journaling.Records;
using Lifeboat.Journaling.Storage;
using Lifeboat.Protection;

namespace Lifeboat.Journaling.Segments;

public sealed partial class Journal
{
    // A segment of tiny records would otherwise have an index larger than its room in memory.
    private const int EntriesMax = 256 << 10;
    private const int BlockMin = 64 << 10;
    private const int Whole = IoRoom.BlockBytes;

    private readonly List<RecordEntry> _entries = [];
    private readonly TailBlock _tail = new();
    private readonly WarmAppends _warm;
    private byte[] _block = [];
    private bool _blockStays;

    /// <summary>
    /// Appends whole records that continue the sequence. They are durable after <see cref="FlushAsync"/>.
    /// </summary>
    /// <param name="records">At most 16 MiB. The caller has verified their checksums.</param>
    /// <exception cref="StorageException">A write failed otherwise than by a full disk; the journal is
    /// poisoned.</exception>
    public ValueTask<AppendOutcome> AppendAsync(ReadOnlyMemory<byte> records, CancellationToken ct) =>
        AppendAsync(records, null, ct);

    /// <summary>As above, all that is in the room; when it is over the room belongs to the journal.</summary>
    public async ValueTask<AppendOutcome> AppendAsync(AppendRoom room, CancellationToken ct)
    {
        var outcome = await AppendAsync(room.Records, room, ct);
        if (outcome != AppendOutcome.Appended) room.Return();
        return outcome;
    }

    /// <summary>What an <see cref="AppendRoom"/> begins with, when so many bytes of records are appended before
    /// it.</summary>
    /// <param name="ahead">0: none.</param>
    public int LeadAfter(int ahead) =>
        (int)((_segments[^1].End.Tail + (ahead > 0 ? BlockCodec.HeaderLength + ahead : 0)) % Whole);

    internal static int WholeBlocks(int length) => (int)WholeBlocks((long)length);
    private static long WholeBlocks(long length) => (length + Whole - 1) / Whole * Whole;

    private async ValueTask<AppendOutcome> AppendAsync(
        ReadOnlyMemory<byte> records, AppendRoom? room, CancellationToken ct)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(records.Length, 16 << 20, nameof(records));
        if (records.IsEmpty) return AppendOutcome.Appended;
        await _gate.EnterAsync(ct);
        try
        {
            ThrowIfPoisoned();
            var segment = _segments[^1];
            var length = BlockCodec.HeaderLength + records.Length;
            if (MustRoll(segment, length))
            {
                if (!await TryRollAsync()) return AppendOutcome.Full;
                segment = _segments[^1];
            }
            return await WriteBlockAsync(segment, records, room, ct);
        }
        finally
        {
            _gate.Leave();
        }
    }

    private bool MustRoll(Segment segment, int length) => segment.EntryCount > 0
        && (WholeBlocks(segment.Tail + length) > _options.SegmentBytes || segment.EntryCount >= EntriesMax);

    // Much of it goes past the page cache where the storage can, so it is whole blocks of the file: from the one that
    // the journal ends in, the bytes of which are known, to the end of the last. What is written there again is the
    // same as before, as when the page cache writes a page again; what is written behind the end does not exist.
    private async ValueTask<AppendOutcome> WriteBlockAsync(
        Segment segment, ReadOnlyMemory<byte> records, AppendRoom? room, CancellationToken ct)
    {
        var length = BlockCodec.HeaderLength + records.Length;
        var lead = (int)(segment.Tail % Whole);
        var place = PlaceFor(records, room, lead);
        var block = place.Slice(lead, length);
        var first = segment.LastSequence + 1;
        var count = CountOf(block.Span, records.Length, first, out var register);
        var header = new BlockHeader(records.Length, segment.Salt, first, count);
        BlockCodec.Seal(block.Span, header, register);
        SegmentScan.ReadEntries(block.Span, header, segment.Tail, _entries);
        var whole = length >= _options.WholeBlocksFrom && _tail.TryCopy(segment, place.Span[..lead]);
        if (whole) place.Span[(lead + length)..].Clear();
        try
        {
            await segment.File.WriteAsync(whole ? segment.Tail - lead : segment.Tail, whole ? place : block, ct);
        }
        catch (StorageException e) when (e.Fault == StorageFault.Full)
        {
            await CutAsync(segment, ct);
            return AppendOutcome.Full;
        }
        catch (StorageException e)
        {
            _poison = e;
            throw;
        }
        _tail.Append(segment, block.Span);
        var from = segment.Tail - lead;
        segment.Add(CollectionsMarshal.AsSpan(_entries), segment.Tail + length);
        if (room is null) return AppendOutcome.Appended;
        // Not what stands behind the end: something else will.
        if (whole) _warm.Keep(segment, from, place[..(lead + length)], room, segment.LastSequence);
        else room.Return();
        return AppendOutcome.Appended;
    }

    // From a whole block of the file on to a whole block, and so in memory: else nothing goes past the page cache, and
    // even a copy to it takes the kernel a quarter longer.
    private unsafe Memory<byte> PlaceFor(ReadOnlyMemory<byte> records, AppendRoom? room, int lead)
    {
        if (room is not null && room.Length == records.Length) return room.Place(lead);
        var length = WholeBlocks(lead + BlockCodec.HeaderLength + records.Length);
        // Pinned only where it has to stay: pinned memory brings a collection of everything nearer.
        var stays = length >= _options.WholeBlocksFrom;
        if (_block.Length < length + Whole || (stays && !_blockStays))
        {
            _block = GC.AllocateUninitializedArray<byte>(Math.Max(length, BlockMin) + Whole, pinned: stays);
            _blockStays = stays;
        }
        var start = (nint)Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(_block));
        var place = _block.AsMemory((int)(-start & (Whole - 1)), length);
        records.CopyTo(place[(lead + BlockCodec.HeaderLength)..]);
        return place;
    }

    private static int CountOf(ReadOnlySpan<byte> block, int length, long first, out uint register)
    {
        var count = 0;
        register = 0;
        for (var at = BlockCodec.HeaderLength; at < BlockCodec.HeaderLength + length; count++)
        {
            var outcome = RecordCodec.TryReadHeader(block[at..], out var record);
            Invariant.Holds(outcome == RecordReadOutcome.Read, "only whole records are appended");
            Invariant.Holds(record.Sequence == first + count, "sequences are contiguous");
            var size = RecordCodec.SizeOf(record.DataLength);
            Invariant.Holds(at + size <= BlockCodec.HeaderLength + length, "only whole records are appended");
            register = RecordCodec.AppendKnown(register, block.Slice(at, size));
            at += size;
        }
        return count;
    }

    // Gives back the room that a failed append took. Its bytes are no intact block, so failing here does no harm.
    private static async ValueTask CutAsync(Segment segment, CancellationToken ct)
    {
        if (segment.Recycled) return;
        try
        {
            await segment.File.SetLengthAsync(segment.Tail, ct);
        }
        catch (StorageException)
        {
            // The next append writes over it.
        }
    }
}
