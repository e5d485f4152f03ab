// SPDX-License-Identifier: Apache-2.0
using System.Security.Cryptography;
using Lifeboat.Protection;
using Lifeboat.Replication.Capture;
using Lifeboat.Replication.Linking;
using Lifeboat.Replication.Shipping;

namespace Lifeboat.Replication.Resync;

// Brings the gap of one attach into the stream, window by window in offset order:
//
//   Allocation   what is allocated; the replica is new and reads as zeroes, so zeroes are left out
//   ChangeMap    the extents of the map, usually narrowed by digests of 4 KiB
//   HashCompare  everything: digests of 1 MiB, then of 4 KiB where they differ
//
// Why comparing is right while the guest writes: digests are of the replica at a sequence S from before the first write
// that this attach captured. A block that reads now as the replica had it at S ends up right without us: what the guest
// wrote since is in the stream. Where it differs, the bytes read are put in without what the stream has written since.
//
// Restartable: the cursor stands where everything before it is in the stream, so a new session goes on from there.
internal sealed class GapPull(GapPullTask task, CaptureStream stream, SyncCounters counters)
{
    private const int WindowBytes = 4 << 20;
    private const int AskBytes = 64 << 20;
    private const int Coarse = 1 << 20;
    private const int Fine = 4096;
    private const int PartBytes = 64 << 10;
    private const int ClusterGap = 128 << 10;

    private readonly PullPace _pace = new(stream, task.Sink, task.WindowBytes, counters);
    private byte[] _window = [];
    private long _windowAt;
    private byte[] _coarse = [];
    private long _coarseFrom, _coarseTo;
    private long _cursor;

    /// <returns>False: the attach is over.</returns>
    /// <exception cref="TapException">The disk could not be read.</exception>
    /// <exception cref="LinkException">The session is over; run again with the next one.</exception>
    public async Task<bool> RunAsync(DigestLine digests, CancellationToken ct)
    {
        if (task.Kind != SyncKind.Allocation && !await stream.WaitDurableAsync(task.Sequence, ct)) return false;
        _window = GC.AllocateUninitializedArray<byte>((int)Math.Min(WindowBytes, task.SizeBytes));
        (_coarseFrom, _coarseTo) = (0, 0);
        while (_cursor < task.SizeBytes)
        {
            var askedTo = Math.Min(_cursor + AskBytes, task.SizeBytes);
            var extents = await task.Tap.GapAsync(task.Map, _cursor, askedTo - _cursor, ct);
            Check(extents, _cursor, askedTo);
            if (task.Kind == SyncKind.ChangeMap) extents = LostExtents.Unite(extents, task.Lost, _cursor, askedTo);
            while (_cursor < askedTo)
            {
                var to = Math.Min(_cursor + WindowBytes, askedTo);
                if (!await PullWindowAsync(digests, extents, to, ct)) return false;
            }
        }
        _window = [];
        stream.EndPull(task.Sink);
        return true;
    }

    private async Task<bool> PullWindowAsync(DigestLine digests, IReadOnlyList<GapExtent> extents, long to,
        CancellationToken ct)
    {
        _windowAt = _cursor;
        var areas = task.Kind == SyncKind.HashCompare
            ? await CompareCoarseAsync(digests, extents, to, ct)
            : await ReadExtentsAsync(extents, to, ct);
        if (task.Kind == SyncKind.HashCompare || (task.Kind == SyncKind.ChangeMap && task.Compare))
            areas = await CompareFineAsync(digests, areas, ct);
        foreach (var area in areas)
            if (!await EmitAsync(area, ct)) return false;
        counters.AddDone(to - _cursor);
        _cursor = to;
        stream.Pulled(task.Sink, to);
        return true;
    }

    private async Task<List<PullArea>> ReadExtentsAsync(IReadOnlyList<GapExtent> extents, long to, CancellationToken ct)
    {
        var zeroesCount = task.Kind != SyncKind.Allocation;
        var areas = PullArea.Aligned(extents, _cursor, to, Fine, zeroesCount);
        foreach (var area in areas)
        {
            if (area.Zero) At(area.Start, area.Length).Span.Clear();
            else await ReadAsync(area.Start, area.Length, ct);
        }
        return areas;
    }

    private async Task<List<PullArea>> CompareCoarseAsync(DigestLine digests, IReadOnlyList<GapExtent> extents, long to,
        CancellationToken ct)
    {
        if (_cursor < _coarseFrom || to > _coarseTo)
        {
            (_coarseFrom, _coarseTo) = (_cursor, Math.Min(_cursor + AskBytes, task.SizeBytes));
            _coarse = await digests.AskAsync(task.Sink.Volume, task.Sequence, _coarseFrom, Coarse,
                Blocks(_coarseTo - _coarseFrom, Coarse), ct);
        }
        At(_cursor, to - _cursor).Span.Clear();
        foreach (var extent in PullArea.Aligned(extents, _cursor, to, 1, zeroesToo: false))
            await ReadAsync(extent.Start, extent.Length, ct);
        var differ = new List<PullArea>();
        for (var at = _cursor; at < to; at += Coarse)
        {
            var length = Math.Min(Coarse, to - at);
            if (!Equal(At(at, length).Span, _coarse, (int)((at - _coarseFrom) / Coarse)))
                differ.Add(new PullArea(at, at + length, false));
        }
        return differ;
    }

    private async Task<List<PullArea>> CompareFineAsync(DigestLine digests, List<PullArea> areas, CancellationToken ct)
    {
        var clusters = PullArea.Clusters(areas, ClusterGap);
        var replies = new Task<byte[]>[clusters.Count];
        for (var i = 0; i < clusters.Count; i++)
            replies[i] = digests.AskAsync(task.Sink.Volume, task.Sequence, clusters[i].Start, Fine,
                Blocks(clusters[i].Length, Fine), ct);
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
                if (!Equal(At(at, length).Span, answers[cluster], index)) PullArea.Extend(differ, at, at + length);
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
            if (!zero && !await _pace.AppendAsync(at, end - at, At(at, end - at), ct)) return false;
            if (zero && task.Kind != SyncKind.Allocation && !await _pace.AppendAsync(at, end - at, default, ct))
                return false;
            at = end;
        }
        return true;
    }

    private async ValueTask ReadAsync(long offset, long length, CancellationToken ct)
    {
        await task.Tap.ReadAsync(offset, At(offset, length), ct);
        counters.AddExamined(length);
    }

    private Memory<byte> At(long offset, long length) => _window.AsMemory((int)(offset - _windowAt), (int)length);

    private bool IsZero(long at, long end) =>
        !At(at, Math.Min(Fine, end - at)).Span.ContainsAnyExcept((byte)0);

    private static int Blocks(long length, int block) => (int)((length + block - 1) / block);

    private static bool Equal(ReadOnlySpan<byte> content, byte[] digests, int index)
    {
        Span<byte> digest = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(content, digest);
        const int length = DigestRequest.DigestLength;
        return digest[..length].SequenceEqual(digests.AsSpan(index * length, length));
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
internal sealed record GapPullTask(IDiskTap Tap, VolumeSink Sink, GapMap Map, SyncKind Kind, long SizeBytes,
    long Sequence, bool Compare, long WindowBytes, IReadOnlyList<GapExtent> Lost);
