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
// Restartable: the cursor stands where everything before it is in the stream, so a new session goes on from there.
internal sealed class GapPull(GapPullTask task, CaptureStream stream, SyncCounters counters)
{
    private const int AskBytes = TreeCompare.NodeBytes;
    private const long LongZeroes = 1 << 20;
    private const int Fine = 4096;
    private const int PartBytes = 64 << 10;
    private const int ClusterGap = 128 << 10;

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
        {
            var from = _cursor / AskBytes * AskBytes;
            var askedTo = Math.Min(from + AskBytes, task.SizeBytes);
            var extents = await task.Disk.GapAsync(task.Map, from, askedTo - from, ct);
            Check(extents, from, askedTo);
            if (task.Kind == SyncKind.ChangeMap) extents = LostExtents.Unite(extents, task.Lost, from, askedTo);
            var differ = task.Kind == SyncKind.HashCompare
                ? await tree.DifferingAsync(from, askedTo, extents, ct)
                : null;
            while (_cursor < askedTo)
            {
                var to = differ is { Count: 0 } ? askedTo : Math.Min(_cursor + DiskWindow.LengthMax, askedTo);
                if (differ is not { Count: 0 } && !await PullWindowAsync(tree, extents, differ, to, ct)) return false;
                counters.AddDone(to - _cursor);
                _cursor = to;
                stream.Pulled(task.Sink, to);
            }
        }
        _window = new DiskWindow(task.Disk, 0, counters);
        stream.EndPull(task.Sink);
        return true;
    }

    /// <param name="differ">What a compare has found to differ; null: all that the extents name is pulled.</param>
    private async Task<bool> PullWindowAsync(TreeCompare tree, IReadOnlyList<GapExtent> extents,
        List<PullArea>? differ, long to, CancellationToken ct)
    {
        _window.Start = _cursor;
        var areas = differ is null
            ? await ReadExtentsAsync(extents, to, ct)
            : await ReadAreasAsync(extents, differ, to, ct);
        if (differ is not null || (task.Kind == SyncKind.ChangeMap && task.Compare))
        {
            // One record says that much is zero; digests of it would be longer.
            var zeroes = areas.Where(a => a.Zero && a.Length >= LongZeroes).ToList();
            areas = await CompareFineAsync(tree, zeroes.Count == 0 ? areas : [.. areas.Except(zeroes)], ct);
            areas.AddRange(zeroes);
        }
        foreach (var area in areas)
            if (!await EmitAsync(area, ct)) return false;
        return true;
    }

    private async Task<List<PullArea>> ReadExtentsAsync(IReadOnlyList<GapExtent> extents, long to, CancellationToken ct)
    {
        var zeroesCount = task.Kind != SyncKind.Allocation;
        var areas = PullArea.Aligned(extents, _cursor, to, Fine, zeroesCount);
        foreach (var area in areas)
        {
            if (area.Zero) _window.At(area.Start, area.Length).Span.Clear();
            else await _window.ReadAsync(area.Start, area.Length, ct);
        }
        return areas;
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
        var clusters = PullArea.Clusters(areas, ClusterGap);
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
