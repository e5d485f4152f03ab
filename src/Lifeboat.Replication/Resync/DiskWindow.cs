// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Replication.Capture;

namespace Lifeboat.Replication.Resync;

/// <summary>
/// Parts of a disk in memory, a few megabytes of it at a time: one stretch, or pieces from here and there.
/// </summary>
internal sealed class DiskWindow(IGapReader disk, long sizeBytes, SyncCounters counters)
{
    public const int LengthMax = 4 << 20;
    private readonly byte[] _bytes = GC.AllocateUninitializedArray<byte>((int)Math.Min(LengthMax, sizeBytes));
    private readonly List<(long Start, long End, int At)> _pieces = [];
    private int _last;

    public int Length => _bytes.Length;

    /// <summary>From here on it is the stretch that begins at this offset.</summary>
    public void MoveTo(long start) => Hold([new PullArea(start, start + _bytes.Length, false)]);

    /// <param name="areas">In order, together no longer than the window.</param>
    public void Hold(IEnumerable<PullArea> areas)
    {
        _pieces.Clear();
        _last = 0;
        var at = 0;
        foreach (var area in areas)
        {
            _pieces.Add((area.Start, area.End, at));
            at += (int)area.Length;
        }
    }

    /// <summary>Inside one piece.</summary>
    public Memory<byte> At(long offset, long length)
    {
        if (_pieces[_last] is var last && (offset < last.Start || offset >= last.End)) _last = Find(offset);
        var (start, _, at) = _pieces[_last];
        return _bytes.AsMemory(at + (int)(offset - start), (int)length);
    }

    public async ValueTask ReadAsync(long offset, long length, CancellationToken ct)
    {
        await disk.ReadAsync(offset, At(offset, length), ct);
        counters.AddExamined(length);
    }

    /// <summary>Fills a range: what the extents say is stored is read, the rest is zeroes.</summary>
    /// <returns>False: all of it is zeroes, and nothing was filled in.</returns>
    public async ValueTask<bool> FillAsync(
        IReadOnlyList<GapExtent> extents, long from, long to, CancellationToken ct)
    {
        var stored = PullArea.Aligned(extents, from, to, 1, zeroesToo: false);
        if (stored.Count == 0) return false;
        At(from, to - from).Span.Clear();
        foreach (var part in stored) await ReadAsync(part.Start, part.Length, ct);
        return true;
    }

    private int Find(long offset)
    {
        int low = 0, high = _pieces.Count - 1;
        while (low < high)
        {
            var middle = (low + high + 1) / 2;
            if (_pieces[middle].Start <= offset) low = middle;
            else high = middle - 1;
        }
        return low;
    }
}
