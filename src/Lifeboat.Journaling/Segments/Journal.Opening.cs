// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Journaling.Storage;
using Lifeboat.Protection;

namespace Lifeboat.Journaling.Segments;

public sealed partial class Journal
{
    /// <summary>Opens the journal in this storage as the last crash left it, or begins one.</summary>
    /// <param name="floor">
    /// Everything at or below it may be missing: it is in the base. An empty journal begins with the sequence after it.
    /// </param>
    /// <exception cref="JournalException">Corrupt: the first segments above the floor, or millions of records, are
    /// missing.</exception>
    public static Task<Journal> OpenAsync(IStorage storage, JournalOptions options, long floor, CancellationToken ct) =>
        OpenAsync(storage, options, floor, floor, ct);

    /// <param name="held">
    /// Records up to here were in it, as its owner knows: what is not to be found of them is told as lost.
    /// </param>
    public static async Task<Journal> OpenAsync(IStorage storage, JournalOptions options, long floor, long held,
        CancellationToken ct)
    {
        if (options.Problems().FirstOrDefault() is { } problem) throw new ArgumentException(problem, nameof(options));
        var journal = new Journal(storage, options);
        try
        {
            await journal.RecoverAsync(floor, held, ct);
            return journal;
        }
        catch
        {
            await journal.DisposeAsync();
            throw;
        }
    }

    /// <summary>Whether this storage has a journal, intact or not.</summary>
    public static async Task<bool> ExistsAsync(IStorage storage, CancellationToken ct) =>
        (await storage.ListAsync(ct)).Any(n => SegmentName.TryParse(n, out _));

    private async Task RecoverAsync(long floor, long held, CancellationToken ct)
    {
        // A process that was killed may have renamed what it did not live to sync: a name counts once it is durable.
        await _storage.SyncAsync(ct);
        _mark = await DurableMark.OpenAsync(_storage, ct);
        var promised = await _mark.ReadAsync(ct);
        var firsts = await SweepAsync(ct);
        firsts = await DropBelowAsync(firsts, floor, ct);
        for (var i = 0; i < firsts.Count; i++)
        {
            var segment = await OpenSegmentAsync(firsts[i], Math.Max(promised, held), ct);
            _segments = [.. _segments, segment];
            if (i < firsts.Count - 1) await RecoverSealedAsync(segment, firsts[i + 1], i == firsts.Count - 2, ct);
            else await RecoverLastAsync(segment, Math.Max(promised, held), held, ct);
        }
        if (_segments.Length == 0) await BeginFirstAsync(floor + 1, ct);
        if (FirstSequence > floor + 1)
            throw Corrupt($"records {floor + 1} to {FirstSequence - 1} are missing");
        _durable = LastSequence;
        _segments[^1].Durable = _segments[^1].End;
        if (promised > LastSequence) NoteLostEnd(promised);
        // A crash can have taken the mark with all of its records left. They are told as durable from here on, maybe
        // long before the next flush: what a flip takes of them must not pass for a torn end.
        else if (promised < LastSequence) await _mark.WriteAsync(LastSequence, ct);
    }

    private async Task BeginFirstAsync(long first, CancellationToken ct)
    {
        if (await TryBeginSegmentAsync(first) is not { } segment)
            throw new StorageException(StorageFault.Full, "no room to begin a journal");
        _segments = [segment];
    }

    // Names in use, lowest first. Files that never got their name are dropped, those kept for reuse remembered.
    private async Task<List<long>> SweepAsync(CancellationToken ct)
    {
        var firsts = new List<long>();
        foreach (var name in (await _storage.ListAsync(ct)).Order(StringComparer.Ordinal))
        {
            if (SegmentName.TryParse(name, out var first)) firsts.Add(first);
            else if (SegmentName.IsAside(name)) await _storage.DeleteAsync(name, ct);
            else if (SegmentName.TryParseFree(name, out var number))
            {
                _freeNumber = Math.Max(_freeNumber, number);
                _free.Enqueue(name);
            }
        }
        firsts.Sort();
        return firsts;
    }

    // What a trim had begun to drop: it may have holes.
    private async Task<List<long>> DropBelowAsync(List<long> firsts, long floor, CancellationToken ct)
    {
        var below = firsts.FindLastIndex(f => f <= floor + 1);
        for (var i = 0; i < below; i++)
        {
            await _storage.DeleteAsync(SegmentName.IndexOf(firsts[i]), ct);
            await _storage.DeleteAsync(SegmentName.Of(firsts[i]), ct);
        }
        return below > 0 ? firsts[below..] : firsts;
    }

    private async Task<Segment> OpenSegmentAsync(long first, long promised, CancellationToken ct)
    {
        var file = await _storage.OpenAsync(SegmentName.Of(first), create: false, ct);
        var bytes = new byte[SegmentHeader.Length];
        var count = await file.ReadAsync(0, bytes, ct);
        if (SegmentHeader.TryDecode(bytes.AsSpan(0, count), out var header) && header.FirstSequence == first)
            return new Segment(file, header, recycled: true);
        try
        {
            return await MakeHeadAnewAsync(file, first, promised, ct);
        }
        catch
        {
            await file.DisposeAsync();
            throw;
        }
    }

    // A crash can have torn only the index that was written last. Found out later, when the segment has lost a bit as
    // well, it would be too late.
    private async Task RecoverSealedAsync(Segment segment, long nextFirst, bool isLast, CancellationToken ct)
    {
        if (await SegmentIndexFile.TryReadEndAsync(_storage, segment, ct) is { } end
            && segment.FirstSequence + end.Count == nextFirst)
        {
            segment.AssumeSealed(nextFirst - 1, end.Tail);
            if (!isLast || await SegmentIndexFile.IsWholeAsync(_storage, segment, ct)) return;
            segment.Unseal();
        }
        await TakeIndexedAsync(segment, nextFirst, ct);
        await SegmentScan.RunAsync(segment, nextFirst, ct);
        await SalvageAsync(segment, nextFirst - 1, ct);
        // Torn or flipped, nobody can say; it is told in either case.
        if (await SegmentIndexFile.IsThereAsync(_storage, segment, ct)) NoteIndex(segment);
        await SealAsync(segment);
    }

    private async Task RecoverLastAsync(Segment segment, long promised, long held, CancellationToken ct)
    {
        await TakeIndexedAsync(segment, long.MaxValue, ct);
        // It is not flushed, so a crash of the host can have torn it, as a flip can; it is told in either case.
        if (segment.IndexedCount == 0 && await SegmentIndexFile.IsThereAsync(_storage, segment, ct)) NoteIndex(segment);
        await SegmentScan.RunAsync(segment, long.MaxValue, ct);
        // What was durable proves itself behind damage; what was not may have survived behind what is torn.
        if (segment.LastSequence < promised)
            foreach (var lost in await SegmentSalvage.RunAsync(segment, promised, ct)) NoteStretch(segment, lost);
        Lose(segment, held);
        // A block may have survived behind a lost one. Zeroed now, it can never continue what is appended here.
        var length = await segment.File.LengthAsync(ct);
        if (length > segment.Tail) await segment.File.ZeroAsync(segment.Tail, length - segment.Tail, ct);
        await segment.File.FlushAsync(ct);
    }

    /// <summary>
    /// Entries of a segment: from memory, its index, or the segment itself. They may be shared: read them only.
    /// </summary>
    internal async ValueTask<ArraySegment<RecordEntry>> EntriesOfAsync(Segment segment, CancellationToken ct)
    {
        if (segment.SnapshotEntries() is { } known) return known;
        if (await SegmentIndexFile.TryReadAsync(_storage, segment, ct) is not { } indexed)
            return await ScanAgainAsync(segment, ct);
        // Whoever made this index may have died before anybody who was told of them could write it down.
        if (!segment.TableIsStale && RecordEntry.AnyLost(indexed)) NoteLost(segment, indexed);
        return indexed;
    }

    // The index is missing or damaged: both are made anew from the segment.
    private async ValueTask<ArraySegment<RecordEntry>> ScanAgainAsync(Segment segment, CancellationToken ct)
    {
        if (await _storage.ExistsAsync(SegmentName.IndexOf(segment.FirstSequence), ct))
            NoteIndex(segment);
        var scanned = new Segment(segment.File, new SegmentHeader(segment.FirstSequence, segment.Salt), recycled: true);
        await SegmentScan.RunAsync(scanned, segment.LastSequence + 1, ct);
        // What is lost is told before the new index is there, which a full disk can put off: whoever compares then must
        // not take the table of the old one. That can be whole, and names records that folding will leave out.
        if (scanned.LastSequence < segment.LastSequence) segment.MarkTableStale();
        await SalvageAsync(scanned, segment.LastSequence, ct);
        var entries = scanned.SnapshotEntries()!.Value;
        await SealAsync(scanned);
        return entries;
    }

    /// <summary>The extents of a segment that takes no more records, for a base at this sequence.</summary>
    internal async ValueTask<SegmentExtent[]> TableOfAsync(Segment segment, long folded, CancellationToken ct)
    {
        var known = segment.TableIsStale ? null : await SegmentIndexFile.TryReadTableAsync(_storage, segment, ct);
        return known ?? SegmentExtent.TableOf(
            segment.Named(await EntriesOfAsync(segment, ct), folded, segment.LastSequence));
    }

    private static JournalException Corrupt(string what) =>
        new(JournalFault.Corrupt, $"the journal is damaged: {what}");
}
