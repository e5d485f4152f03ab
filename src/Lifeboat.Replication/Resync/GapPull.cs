// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection;
using Lifeboat.Replication.Capture;
using Lifeboat.Replication.Linking;
using Lifeboat.Replication.Replicas;
using Lifeboat.Replication.Shipping;

namespace Lifeboat.Replication.Resync;

// Brings the gap of one attach into the stream, window by window in offset order:
//
//   Allocation   what is allocated; the replica is new and reads as zeroes, so zeroes are left out
//   ChangeMap    the extents of the map, usually narrowed by digests of 4 KiB
//   HashCompare  everything: a tree of digests of 64 MiB and of 1 MiB, then of 4 KiB where they differ
//
// Why comparing is right while the guest writes: digests are of the replica at a sequence S from before the first write
// that this attach captured. A block that reads now as the replica had it at S ends up right without us: what the guest
// wrote since is in the stream. Where it differs, the bytes read are put in without what the stream has written since.
//
// A gap of many small places is brought as many at a time as fit into the window: each costs a read of the disk and,
// alone, a question to the other side, whose answer a far link brings late. Near ones share a question.
//
// Restartable: the cursor stands where everything before it is in the stream, so a new session goes on from there.
internal sealed class GapPull(GapPullTask task, CaptureStream stream, SyncCounters counters)
{
    private const int NodeBytes = TreeCompare.NodeBytes;
    // What is asked about at once where no node of a tree sets it: a fine map has 65536 extents there at most.
    private const long AskBytes = 512 << 20;
    private const int QuestionsMax = 32; // the other side stops reading the stream when 64 wait there
    private const int ReadsMax = 32;
    private const long LongZeroes = 1 << 20;
    private const int Fine = 4096;
    private const int PartBytes = 64 << 10;

    private readonly PullPace _pace = new(stream, task.Sink, task.WindowBytes, counters);
    private DiskWindow _window = new(task.Disk, 0, counters);
    private long _cursor;

    /// <returns>False: the attach is over.</returns>
    /// <exception cref="TapException">The disk could not be read.</exception>
    /// <exception cref="LinkException">The session is over; run again with the next one.</exception>
    public async Task<bool> RunAsync(DigestLine digests, CancellationToken ct)
    {
        if (task.Kind != SyncKind.Allocation && !await stream.WaitDurableAsync(task.Sequence, ct)) return false;
        _window = new DiskWindow(task.Disk, task.SizeBytes, counters);
        var tree = new TreeCompare(task, digests, _window, counters);
        while (_cursor < task.SizeBytes)
            if (!await (task.Kind == SyncKind.HashCompare ? PullNodeAsync(tree, ct) : PullPlacesAsync(tree, ct)))
                return false;
        _window = new DiskWindow(task.Disk, 0, counters);
        stream.EndPull(task.Sink);
        return true;
    }

    private async Task<bool> PullNodeAsync(TreeCompare tree, CancellationToken ct)
    {
        var from = _cursor / NodeBytes * NodeBytes;
        var (extents, askedTo) = await AskGapAsync(from, NodeBytes, ct);
        var differ = await tree.DifferingAsync(from, askedTo, extents, ct);
        while (_cursor < askedTo)
        {
            var to = differ.Count == 0 ? askedTo : Math.Min(_cursor + DiskWindow.LengthMax, askedTo);
            if (differ.Count > 0)
            {
                _window.MoveTo(_cursor);
                var areas = await ReadAreasAsync(extents, differ, to, ct);
                if (!await BringAsync(await NarrowAsync(tree, areas, ct), ct)) return false;
            }
            Passed(to);
        }
        return true;
    }

    private async Task<bool> PullPlacesAsync(TreeCompare tree, CancellationToken ct)
    {
        var (extents, askedTo) = await AskGapAsync(_cursor, AskBytes, ct);
        if (task.Kind == SyncKind.ChangeMap) extents = LostExtents.Unite(extents, task.Lost, _cursor, askedTo);
        var places = PullArea.Aligned(extents, _cursor, askedTo, Fine, zeroesToo: task.Kind != SyncKind.Allocation);
        for (var next = 0; _cursor < askedTo;)
        {
            var batch = PullArea.Batch(places, ref next, _window.Length, QuestionsMax);
            _window.Hold(batch);
            foreach (var some in batch.Chunk(ReadsMax))
                await Task.WhenAll(some.Select(place => ReadPlaceAsync(place, ct)));
            if (task.Kind == SyncKind.ChangeMap && task.Compare) batch = await NarrowAsync(tree, batch, ct);
            if (!await BringAsync(batch, ct)) return false;
            Passed(next < places.Count ? places[next].Start : askedTo);
        }
        return true;
    }

    private async Task<(IReadOnlyList<GapExtent> Extents, long AskedTo)> AskGapAsync(
        long from, long length, CancellationToken ct)
    {
        var to = Math.Min(from + length, task.SizeBytes);
        var extents = await task.Disk.GapAsync(task.Map, from, to - from, ct);
        Check(extents, from, to);
        return (extents, to);
    }

    private async Task ReadPlaceAsync(PullArea place, CancellationToken ct)
    {
        if (place.Zero) _window.At(place.Start, place.Length).Span.Clear();
        else await _window.ReadAsync(place.Start, place.Length, ct);
    }

    // One record says that much is zero; digests of it would be longer.
    private async Task<List<PullArea>> NarrowAsync(TreeCompare tree, List<PullArea> areas, CancellationToken ct)
    {
        var zeroes = areas.Where(a => a.Zero && a.Length >= LongZeroes).ToList();
        areas = await CompareFineAsync(tree, zeroes.Count == 0 ? areas : [.. areas.Except(zeroes)], ct);
        areas.AddRange(zeroes);
        return areas;
    }

    private async Task<bool> BringAsync(List<PullArea> areas, CancellationToken ct)
    {
        foreach (var area in areas)
            if (!await EmitAsync(area, ct)) return false;
        return true;
    }

    private void Passed(long to)
    {
        counters.AddDone(to - _cursor);
        _cursor = to;
        stream.Pulled(task.Sink, to);
    }

    private async Task<List<PullArea>> ReadAreasAsync(
        IReadOnlyList<GapExtent> extents, List<PullArea> differ, long to, CancellationToken ct)
    {
        var areas = new List<PullArea>();
        foreach (var area in differ)
        {
            var part = new PullArea(Math.Max(area.Start, _cursor), Math.Min(area.End, to), false);
            if (part.Start >= part.End) continue;
            if (!await _window.FillAsync(extents, part.Start, part.End, ct))
                _window.At(part.Start, part.Length).Span.Clear();
            areas.Add(part);
        }
        return areas;
    }

    private async Task<List<PullArea>> CompareFineAsync(TreeCompare tree, List<PullArea> areas, CancellationToken ct)
    {
        var clusters = PullArea.Clusters(areas);
        var replies = new Task<byte[]>[clusters.Count];
        for (var i = 0; i < clusters.Count; i++)
            replies[i] = tree.AskAsync(clusters[i].Start, clusters[i].End, Fine, ct);
        var answers = await Task.WhenAll(replies);
        var differ = new List<PullArea>();
        var cluster = 0;
        foreach (var area in areas)
        {
            while (area.Start >= clusters[cluster].End) cluster++;
            for (var at = area.Start; at < area.End; at += Fine)
            {
                var length = Math.Min(Fine, area.End - at);
                var index = (int)((at - clusters[cluster].Start) / Fine);
                if (!Equal(_window.At(at, length).Span, answers[cluster], index))
                    PullArea.Extend(differ, at, at + length);
            }
        }
        return differ;
    }

    private async Task<bool> EmitAsync(PullArea area, CancellationToken ct)
    {
        for (var at = area.Start; at < area.End;)
        {
            var zero = IsZero(at, area.End);
            var end = at;
            while (end < area.End && IsZero(end, area.End) == zero && (zero || end - at < PartBytes))
                end = Math.Min(end + Fine, area.End);
            if (!zero && !await _pace.AppendAsync(at, end - at, _window.At(at, end - at), ct)) return false;
            if (zero && task.Kind != SyncKind.Allocation && !await _pace.AppendAsync(at, end - at, default, ct))
                return false;
            at = end;
        }
        return true;
    }

    private bool IsZero(long at, long end) =>
        !_window.At(at, Math.Min(Fine, end - at)).Span.ContainsAnyExcept((byte)0);

    private static bool Equal(ReadOnlySpan<byte> content, byte[] digests, int index)
    {
        Span<byte> digest = stackalloc byte[BlockDigest.Length];
        BlockDigest.Compute(content, digest);
        return digest.SequenceEqual(digests.AsSpan(index * BlockDigest.Length, BlockDigest.Length));
    }

    private static void Check(IReadOnlyList<GapExtent> extents, long from, long to)
    {
        var at = from;
        foreach (var extent in extents)
        {
            Invariant.Holds(extent.Offset >= at && extent.Length > 0 && extent.Length <= to - extent.Offset,
                "a tap lists extents in order, inside the range");
            at = extent.Offset + extent.Length;
        }
    }
}

/// <param name="Sequence">The replica is compared as it is here: before the first write of this attach.</param>
/// <param name="Compare">Narrow a change map by digests.</param>
/// <param name="WindowBytes">Pulled bytes that may be under way at once.</param>
/// <param name="Lost">What the recovery site has lost and is brought too.</param>
internal sealed record GapPullTask(IGapReader Disk, VolumeSink Sink, GapMap Map, SyncKind Kind, long SizeBytes,
    long Sequence, bool Compare, long WindowBytes, IReadOnlyList<GapExtent> Lost);
