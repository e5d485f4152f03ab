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
    private const int LineBytes = 64;
    private const int BlockMin = 64 << 10;

    private readonly List<RecordEntry> _entries = [];
    private byte[] _block = [];

    /// <summary>
    /// Appends whole records that continue the sequence. They are durable after <see cref="FlushAsync"/>.
    /// </summary>
    /// <param name="records">At most 16 MiB. The caller has verified their checksums.</param>
    /// <exception cref="StorageException">A write failed otherwise than by a full disk; the journal is
    /// poisoned.</exception>
    public async ValueTask<AppendOutcome> AppendAsync(ReadOnlyMemory<byte> records, CancellationToken ct)
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
            return await WriteBlockAsync(segment, records, length, ct);
        }
        finally
        {
            _gate.Leave();
        }
    }

    private bool MustRoll(Segment segment, int length) => segment.EntryCount > 0
        && (segment.Tail + length > _options.SegmentBytes || segment.EntryCount >= EntriesMax);

    private async ValueTask<AppendOutcome> WriteBlockAsync(Segment segment, ReadOnlyMemory<byte> records, int length,
        CancellationToken ct)
    {
        var block = PlaceFor(segment.Tail, length);
        records.CopyTo(block[BlockCodec.HeaderLength..]);
        var first = segment.LastSequence + 1;
        var count = CountOf(block.Span, records.Length, first, out var register);
        var header = new BlockHeader(records.Length, segment.Salt, first, count);
        BlockCodec.Seal(block.Span, header, register);
        SegmentScan.ReadEntries(block.Span, header, segment.Tail, _entries);
        try
        {
            await segment.File.WriteAsync(segment.Tail, block, ct);
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
        segment.Add(CollectionsMarshal.AsSpan(_entries), segment.Tail + length);
        return AppendOutcome.Appended;
    }

    // Stands to a cache line as it will in the file: else the kernel takes a quarter longer to copy it there. A
    // collection that moves it meanwhile costs one write that quarter. Pinned it would not be moved, and every journal
    // that is opened would bring a collection of everything nearer.
    private unsafe Memory<byte> PlaceFor(long position, int length)
    {
        if (_block.Length < length + LineBytes)
            _block = GC.AllocateUninitializedArray<byte>(Math.Max(length, BlockMin) + LineBytes);
        var start = (nint)Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(_block));
        return _block.AsMemory((int)((position - start) & (LineBytes - 1)), length);
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
