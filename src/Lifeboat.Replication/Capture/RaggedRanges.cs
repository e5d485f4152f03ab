// SPDX-License-Identifier: Apache-2.0
using System.Numerics;

namespace Lifeboat.Replication.Capture;

/// <summary>
/// Ranges of one page that begin or end inside a block, exactly. Few are kept as they are, at 8 bytes each; many as
/// bits for whole 512-byte sectors, and the rare byte ranges inside a sector besides.
/// </summary>
internal sealed class RaggedRanges
{
    private const int PageShift = WrittenRanges.PageShift;
    private const int SectorShift = 9;
    private const int PageSectors = 1 << (PageShift - SectorShift);
    private const int FewParts = 8;
    private const int SectorMask = (1 << SectorShift) - 1;

    private ulong[]? _sectors;
    private (int Start, int End)[] _parts = [];
    private int _partCount;

    public void Add(int start, int end)
    {
        if (_sectors is null)
        {
            AddPart(start, end);
            if (_partCount > FewParts) KeepSectors();
            return;
        }
        var first = (start + SectorMask) >> SectorShift;
        var last = end >> SectorShift;
        if (last < first)
        {
            AddPart(start, end);
            return;
        }
        if ((start & SectorMask) != 0) AddPart(start, first << SectorShift);
        for (var s = first; s < last; s++) _sectors[s >> 6] |= 1UL << (s & 63);
        if ((end & SectorMask) != 0) AddPart(last << SectorShift, end);
    }

    public int SkipWritten(int at)
    {
        while (at < 1 << PageShift)
        {
            var sector = at >> SectorShift;
            if (_sectors is not null && (_sectors[sector >> 6] >> (sector & 63) & 1) != 0)
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
        var next = NextSector((at + SectorMask) >> SectorShift) << SectorShift;
        foreach (var (start, _) in _parts.AsSpan(0, _partCount))
            if (start >= at) next = Math.Min(next, start);
        return next;
    }

    private void KeepSectors()
    {
        var parts = _parts.AsSpan(0, _partCount);
        (_sectors, _parts, _partCount) = (new ulong[PageSectors / 64], [], 0);
        foreach (var (start, end) in parts) Add(start, end);
    }

    private int NextSector(int sector)
    {
        while (_sectors is not null && sector < PageSectors)
        {
            var bits = _sectors[sector >> 6] >> (sector & 63);
            if (bits != 0) return sector + BitOperations.TrailingZeroCount(bits);
            sector = (sector | 63) + 1;
        }
        return PageSectors;
    }

    private int? PartAt(int at)
    {
        foreach (var (start, end) in _parts.AsSpan(0, _partCount))
            if (start <= at && at < end) return end;
        return null;
    }

    // Parts that touch become one.
    private void AddPart(int start, int end)
    {
        var kept = 0;
        for (var i = 0; i < _partCount; i++)
        {
            var part = _parts[i];
            if (part.End < start || part.Start > end) _parts[kept++] = part;
            else (start, end) = (Math.Min(start, part.Start), Math.Max(end, part.End));
        }
        if (kept == _parts.Length) Array.Resize(ref _parts, Math.Max(1, 2 * kept));
        _parts[kept] = (start, end);
        _partCount = kept + 1;
    }
}
