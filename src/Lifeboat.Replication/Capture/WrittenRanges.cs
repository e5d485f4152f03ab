// SPDX-License-Identifier: Apache-2.0
using System.Numerics;

namespace Lifeboat.Replication.Capture;

// What the stream has written to one volume since its attach, exactly: a rounded range would either lose bytes that
// only the pull can bring or let old pulled bytes overwrite new ones.
//   Whole 512-byte sectors are bits in pages of 1 MiB; the rare byte ranges inside a sector are kept as they are.
//   Below the floor nothing is kept: the pull has passed there and will not come back.
internal sealed class WrittenRanges
{
    private const int SectorShift = 9;
    private const int PageShift = 20;
    private const int PageSectors = 1 << (PageShift - SectorShift);

    private readonly Dictionary<long, Page> _pages = [];
    private long _floor;

    public void Add(long offset, long length)
    {
        var end = offset + length;
        if (end <= _floor) return;
        offset = Math.Max(offset, _floor);
        while (offset < end)
        {
            var key = offset >> PageShift;
            var pageEnd = Math.Min(end, (key + 1) << PageShift);
            if (!_pages.TryGetValue(key, out var page)) _pages[key] = page = new Page();
            page.Add((int)(offset - (key << PageShift)), (int)(pageEnd - (key << PageShift)));
            offset = pageEnd;
        }
    }

    /// <summary>Drops everything below; pages that only begin below are kept whole.</summary>
    public void RaiseFloor(long floor)
    {
        for (var key = _floor >> PageShift; key < floor >> PageShift; key++) _pages.Remove(key);
        _floor = Math.Max(_floor, floor);
    }

    /// <summary>The first part of the range that was not written; false when there is none.</summary>
    public bool NextGap(long from, long end, out long gapStart, out long gapEnd)
    {
        gapStart = SkipWritten(from, end);
        gapEnd = gapStart;
        if (gapStart >= end) return false;
        gapEnd = SkipUnwritten(gapStart, end);
        return true;
    }

    private long SkipWritten(long at, long end)
    {
        while (at < end)
        {
            if (!_pages.TryGetValue(at >> PageShift, out var page)) return at;
            var start = (at >> PageShift) << PageShift;
            var next = start + page.SkipWritten((int)(at - start));
            if (next == at || next < start + (1L << PageShift)) return Math.Min(next, end);
            at = next;
        }
        return end;
    }

    private long SkipUnwritten(long at, long end)
    {
        while (at < end)
        {
            var start = (at >> PageShift) << PageShift;
            var pageEnd = start + (1L << PageShift);
            if (!_pages.TryGetValue(at >> PageShift, out var page))
            {
                at = pageEnd;
                continue;
            }
            var next = start + page.SkipUnwritten((int)(at - start));
            if (next < pageEnd) return Math.Min(next, end);
            at = pageEnd;
        }
        return end;
    }

    private sealed class Page
    {
        private readonly ulong[] _sectors = new ulong[PageSectors / 64];
        private List<(int Start, int End)>? _parts;

        public void Add(int start, int end)
        {
            const int mask = (1 << SectorShift) - 1;
            var first = (start + mask) >> SectorShift;
            var last = end >> SectorShift;
            if (last < first)
            {
                AddPart(start, end);
                return;
            }
            if ((start & mask) != 0) AddPart(start, first << SectorShift);
            for (var s = first; s < last; s++) _sectors[s >> 6] |= 1UL << (s & 63);
            if ((end & mask) != 0) AddPart(last << SectorShift, end);
        }

        public int SkipWritten(int at)
        {
            while (at < 1 << PageShift)
            {
                var sector = at >> SectorShift;
                if ((_sectors[sector >> 6] >> (sector & 63) & 1) != 0)
                {
                    var run = BitOperations.TrailingZeroCount(~(_sectors[sector >> 6] >> (sector & 63)));
                    at = (sector + Math.Min(run, 64 - (sector & 63))) << SectorShift;
                }
                else if (PartAt(at) is { } end) at = end;
                else return at;
            }
            return at;
        }

        public int SkipUnwritten(int at)
        {
            var next = NextSector((at + (1 << SectorShift) - 1) >> SectorShift) << SectorShift;
            if (_parts is null) return next;
            foreach (var (start, _) in _parts)
                if (start >= at) next = Math.Min(next, start);
            return next;
        }

        private int NextSector(int sector)
        {
            while (sector < PageSectors)
            {
                var bits = _sectors[sector >> 6] >> (sector & 63);
                if (bits != 0) return sector + BitOperations.TrailingZeroCount(bits);
                sector = (sector | 63) + 1;
            }
            return PageSectors;
        }

        private int? PartAt(int at)
        {
            if (_parts is null) return null;
            foreach (var (start, end) in _parts)
                if (start <= at && at < end) return end;
            return null;
        }

        private void AddPart(int start, int end)
        {
            _parts ??= [];
            for (var i = _parts.Count - 1; i >= 0; i--)
            {
                if (_parts[i].End < start || _parts[i].Start > end) continue;
                start = Math.Min(start, _parts[i].Start);
                end = Math.Max(end, _parts[i].End);
                _parts.RemoveAt(i);
            }
            _parts.Add((start, end));
        }
    }
}
