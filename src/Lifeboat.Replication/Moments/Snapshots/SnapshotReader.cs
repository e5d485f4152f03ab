// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Replication.Capture;

namespace Lifeboat.Replication.Moments.Snapshots;

/// <summary>
/// Reads one volume of a moment. A difference is asked for once and for the whole volume, and kept (24 bytes for each
/// extent) until the moment is closed.
/// </summary>
/// <param name="chain">Snapshots, oldest first, the last one being the moment; what changed is all their differences.
/// </param>
/// <param name="reading">Called before anything of the moment is given away.</param>
internal sealed class SnapshotReader(IDiskSnapshots disks, ushort volume, IReadOnlyList<string> chain,
    ISnapshotImage image, Action reading, CancellationToken letGo) : IGapReader, IAsyncDisposable
{
    private IReadOnlyList<GapExtent>? _changed, _allocated;

    public GapMap Changes => chain.Count == 1
        ? new GapMap(GapKind.Allocation, null)
        : new GapMap(GapKind.Known, chain[0]);

    public async Task<IReadOnlyList<GapExtent>> GapAsync(GapMap map, long offset, long length, CancellationToken ct) =>
        Within(await RunAsync(async t => map.Kind switch
        {
            GapKind.Known => _changed ??= await ChangedAsync(t),
            GapKind.Allocation => _allocated ??= await disks.DiffAsync(volume, null, chain[^1], t),
        }, ct), offset, offset + length);

    public async ValueTask ReadAsync(long offset, Memory<byte> buffer, CancellationToken ct) =>
        await RunAsync(async t =>
        {
            await image.ReadAsync(offset, buffer, t);
            return true;
        }, ct);

    public ValueTask DisposeAsync() => image.DisposeAsync();

    private async Task<IReadOnlyList<GapExtent>> ChangedAsync(CancellationToken ct)
    {
        IReadOnlyList<GapExtent> all = [];
        for (var i = 1; i < chain.Count; i++)
        {
            var next = await disks.DiffAsync(volume, chain[i - 1], chain[i], ct);
            all = all.Count == 0 ? next : Union(all, next);
        }
        return all;
    }

    // What a later difference says of a range is so; of the rest of an older one it is known only that it must be read.
    private static List<GapExtent> Union(IReadOnlyList<GapExtent> older, IReadOnlyList<GapExtent> newer)
    {
        var union = new List<GapExtent>();
        var next = 0;
        foreach (var extent in older)
        {
            // A newer one that began in an older one before may reach over this one.
            var at = union.Count == 0 ? extent.Offset : Math.Max(extent.Offset, EndOf(union[^1]));
            var end = EndOf(extent);
            for (; next < newer.Count && newer[next].Offset < end; next++)
            {
                if (newer[next].Offset > at) union.Add(new GapExtent(at, newer[next].Offset - at, false));
                union.Add(newer[next]);
                at = Math.Max(at, EndOf(newer[next]));
            }
            if (at < end) union.Add(new GapExtent(at, end - at, false));
        }
        union.AddRange(newer.Skip(next));
        return union;
    }

    private static long EndOf(GapExtent extent) => extent.Offset + extent.Length;

    private async Task<T> RunAsync<T>(Func<CancellationToken, Task<T>> run, CancellationToken ct)
    {
        // Cancelled by the caller (ct) or because the moment is let go of; only the latter is a failure.
        reading();
        using var any = CancellationTokenSource.CreateLinkedTokenSource(ct, letGo);
        try
        {
            any.Token.ThrowIfCancellationRequested();
            return await run(any.Token);
        }
        catch (OperationCanceledException e) when (!ct.IsCancellationRequested)
        {
            throw new TapException(TapFault.Refused, $"{chain[^1]}: the moment was let go of", e);
        }
    }

    // Extents are in order, and a volume is read from its beginning to its end: the first one is found by halves.
    private static List<GapExtent> Within(IReadOnlyList<GapExtent> extents, long start, long end)
    {
        var (low, high) = (0, extents.Count);
        while (low < high)
        {
            var middle = (low + high) / 2;
            if (EndOf(extents[middle]) <= start) low = middle + 1;
            else high = middle;
        }
        var found = new List<GapExtent>();
        for (; low < extents.Count && extents[low].Offset < end; low++)
        {
            var begin = Math.Max(extents[low].Offset, start);
            var stop = Math.Min(EndOf(extents[low]), end);
            found.Add(new GapExtent(begin, stop - begin, extents[low].Zero));
        }
        return found;
    }
}
