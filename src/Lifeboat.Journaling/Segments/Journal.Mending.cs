// SPDX-License-Identifier: Apache-2.0
using System.Buffers.Binary;
using Lifeboat.Journaling.Records;
using Lifeboat.Journaling.Storage;

namespace Lifeboat.Journaling.Segments;

// What keeps a flipped bit small: parts that can be made again are, and the segment that still grows has an index of
// what is durable in it, so that one damaged record does not end the history when the journal is opened.
public sealed partial class Journal
{
    private const int LostMax = 4 << 20;

    /// <summary>
    /// Brings the index of the growing segment up to what is durable. Call it now and then; not flushed, as no index.
    /// </summary>
    public async ValueTask IndexDurableAsync(CancellationToken ct)
    {
        await _gate.EnterAsync(ct);
        try
        {
            var segment = _segments[^1];
            var (last, tail) = segment.Durable;
            var count = (int)(last - segment.FirstSequence + 1);
            if (count <= segment.IndexedCount || segment.SnapshotEntries() is not { } entries) return;
            await SegmentIndexFile.WritePartAsync(_storage, segment, entries[..count], tail, Never);
            segment.IndexedCount = count;
        }
        catch (StorageException e) when (e.Fault == StorageFault.Full)
        {
            // Without it the segment is scanned, that is all.
        }
        finally
        {
            _gate.Leave();
        }
    }

    /// <summary>
    /// The end as it was found at opening is what counts from now on: <see cref="JournalPart.End"/> is not told again.
    /// </summary>
    public async ValueTask AcceptEndAsync(CancellationToken ct) => await _mark!.WriteAsync(DurableSequence, ct);

    private void NoteLostEnd(long promised)
    {
        var segment = _segments[^1];
        _found.Enqueue(new JournalDamage(JournalPart.End, segment.Name, segment.Tail, LastSequence + 1, promised,
            0, 0, 0, 0, Repaired: false));
    }

    private void NoteIndex(Segment segment) => _found.Enqueue(
        JournalDamage.Mended(JournalPart.Index, segment, SegmentName.IndexOf(segment.FirstSequence), 0));

    private void NoteStretch(Segment segment, LostStretch lost) =>
        _found.Enqueue(JournalDamage.OfStretch(segment, lost));

    private void NoteLost(Segment segment, ReadOnlySpan<RecordEntry> entries)
    {
        segment.MarkTableStale();
        for (var from = 0; from < entries.Length; from++)
        {
            var to = from;
            while (to < entries.Length && entries[to].Kind == RecordKind.Lost) to++;
            if (to == from) continue;
            NoteStretch(segment, new LostStretch(segment.FirstSequence + from, segment.FirstSequence + to - 1,
                entries[from].Position));
            from = to;
        }
    }

    // Index and segment are both damaged: blocks that are whole prove themselves, the rest is lost with what tells what
    // it was, and is told.
    private async ValueTask SalvageAsync(Segment segment, long last, CancellationToken ct)
    {
        if (segment.LastSequence == last) return;
        foreach (var lost in await SegmentSalvage.RunAsync(segment, last, ct)) NoteStretch(segment, lost);
        Lose(segment, last);
    }

    private void Lose(Segment segment, long last)
    {
        if (segment.LastSequence >= last) return;
        // A name that is no segment's must not fill the memory.
        if (last - segment.LastSequence > LostMax)
            throw Corrupt($"records {segment.LastSequence + 1} to {last} are missing");
        NoteStretch(segment, SegmentSalvage.Lose(segment, last));
    }

    // The index was written from what is durable, so it may say what a damaged block cannot.
    private async Task TakeIndexedAsync(Segment segment, long limit, CancellationToken ct)
    {
        if (await SegmentIndexFile.TryReadPartAsync(_storage, segment, ct) is not { } known
            || known.Entries.Length == 0 || segment.FirstSequence + known.Entries.Length > limit) return;
        segment.Add(known.Entries, known.Tail);
        segment.IndexedCount = known.Entries.Length;
    }

    // The salt stands in the index too, and in every block.
    private async Task<Segment> MakeHeadAnewAsync(IStorageFile file, long first, long promised, CancellationToken ct)
    {
        var salt = await SegmentIndexFile.TryReadSaltAsync(_storage, first, ct)
            ?? await SaltOfBlockAsync(file, first, ct)
            ?? (promised >= first ? await SegmentSalvage.FindSaltAsync(file, first, ct) : null);
        // Without a salt no block counts: the segment is empty, and what it had is told as lost.
        var header = new SegmentHeader(first, salt ?? _options.NewSalt());
        await file.WriteAsync(0, header.Encode(), ct);
        await file.FlushAsync(ct);
        var segment = new Segment(file, header, recycled: true);
        _found.Enqueue(JournalDamage.Mended(JournalPart.SegmentHead, segment, segment.Name, 0));
        return segment;
    }

    private static async Task<ulong?> SaltOfBlockAsync(IStorageFile file, long first, CancellationToken ct)
    {
        var bytes = new byte[BlockCodec.HeaderLength];
        if (await file.ReadAsync(SegmentHeader.Length, bytes, ct) != bytes.Length) return null;
        var salt = BinaryPrimitives.ReadUInt64LittleEndian(bytes.AsSpan(BlockCodec.SaltAt));
        if (!BlockCodec.TryRead(bytes, salt, first, out var header)) return null;
        var block = new byte[BlockCodec.HeaderLength + header.Length];
        return await file.ReadAsync(SegmentHeader.Length, block, ct) == block.Length
            && BlockCodec.IsIntact(block, header) ? salt : null;
    }
}
