// SPDX-License-Identifier: Apache-2.0
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Lifeboat.Replication.Capture;

// What the stream has written to one volume since its attach, exactly: a rounded range would either lose bytes that
// only the pull can bring or let old pulled bytes overwrite new ones.
//   A page of 1 MiB that was written to has a bit for each whole block of 4 KiB, some 50 bytes with its place: writes
//   scattered over a long disk touch all of its pages. What begins or ends inside a block is kept besides.
//   Pages stand on shelves, each about 16 GiB, so that no table is ever so long that growing it counts.
//   Below the floor nothing is kept: the pull has passed there and will not come back.
internal sealed class WrittenRanges
{
    public const int PageShift = 20;
    private const int ShelfShift = 34 - PageShift; // pages

    private readonly Dictionary<long, Shelf> _shelves = [];
    private long _floor;

    public void Add(long offset, long length)
    {
        var end = offset + length;
        if (end <= _floor) return;
        offset = Math.Max(offset, _floor);
        while (offset < end)
        {
            var page = offset >> PageShift;
            var pageEnd = Math.Min(end, (page + 1) << PageShift);
            if (!_shelves.TryGetValue(page >> ShelfShift, out var shelf))
                _shelves[page >> ShelfShift] = shelf = new Shelf();
            shelf.Add(page, (int)(offset - (page << PageShift)), (int)(pageEnd - (page << PageShift)));
            offset = pageEnd;
        }
    }

    /// <summary>Drops everything below; pages that only begin below are kept whole.</summary>
    public void RaiseFloor(long floor)
    {
        var (page, end) = (_floor >> PageShift, floor >> PageShift);
        while (page < end)
        {
            var shelf = page >> ShelfShift;
            var shelfEnd = (shelf + 1) << ShelfShift;
            if (shelfEnd <= end) _shelves.Remove(shelf);
            else if (_shelves.TryGetValue(shelf, out var kept)) kept.Drop(page, end);
            page = Math.Min(shelfEnd, end);
        }
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
            var page = at >> PageShift;
            var start = page << PageShift;
            if (!_shelves.TryGetValue(page >> ShelfShift, out var shelf)) return at;
            var next = start + shelf.SkipWritten(page, (int)(at - start));
            if (next == at || next < start + (1L << PageShift)) return Math.Min(next, end);
            at = next;
        }
        return end;
    }

    private long SkipUnwritten(long at, long end)
    {
        while (at < end)
        {
            var page = at >> PageShift;
            var start = page << PageShift;
            var pageEnd = start + (1L << PageShift);
            var next = _shelves.TryGetValue(page >> ShelfShift, out var shelf)
                ? start + shelf.SkipUnwritten(page, (int)(at - start)) : pageEnd;
            if (next < pageEnd) return Math.Min(next, end);
            at = pageEnd;
        }
        return end;
    }

    private sealed class Shelf
    {
        private const int BlockShift = 12;
        private const int BlockMask = (1 << BlockShift) - 1;

        private readonly Dictionary<long, Blocks> _blocks = [];
        private readonly Dictionary<long, RaggedRanges> _ragged = [];

        public void Add(long page, int start, int end)
        {
            var (first, last) = ((start + BlockMask) >> BlockShift, end >> BlockShift);
            if (first >= last)
            {
                AddRagged(page, start, end);
                return;
            }
            CollectionsMarshal.GetValueRefOrAddDefault(_blocks, page, out _).Set(first, last);
            if ((start & BlockMask) != 0) AddRagged(page, start, first << BlockShift);
            if ((end & BlockMask) != 0) AddRagged(page, last << BlockShift, end);
        }

        public void Drop(long from, long to)
        {
            for (; from < to; from++)
            {
                _blocks.Remove(from);
                _ragged.Remove(from);
            }
        }

        public int SkipWritten(long page, int at)
        {
            ref var blocks = ref CollectionsMarshal.GetValueRefOrNullRef(_blocks, page);
            var ragged = _ragged.GetValueOrDefault(page);
            while (at < 1 << PageShift)
            {
                var next = at;
                if (!Unsafe.IsNullRef(ref blocks) && blocks.Has(at >> BlockShift))
                    next = blocks.Next(at >> BlockShift, written: false) << BlockShift;
                else if (ragged is not null) next = ragged.SkipWritten(at);
                if (next == at) return at;
                at = next;
            }
            return at;
        }

        public int SkipUnwritten(long page, int at)
        {
            var next = _ragged.GetValueOrDefault(page)?.SkipUnwritten(at) ?? 1 << PageShift;
            ref var blocks = ref CollectionsMarshal.GetValueRefOrNullRef(_blocks, page);
            return Unsafe.IsNullRef(ref blocks)
                ? next
                : Math.Min(next, blocks.Next((at + BlockMask) >> BlockShift, written: true) << BlockShift);
        }

        private void AddRagged(long page, int start, int end)
        {
            if (!_ragged.TryGetValue(page, out var ragged)) _ragged[page] = ragged = new RaggedRanges();
            ragged.Add(start, end);
        }
    }

    [InlineArray(Count / 64)]
    private struct Blocks
    {
        public const int Count = 256; // of 4 KiB, in a page

        private ulong _bits;

        public bool Has(int block) => (Words(ref _bits)[block >> 6] >> (block & 63) & 1) != 0;

        public void Set(int first, int last)
        {
            var words = Words(ref _bits);
            for (; first < last; first++) words[first >> 6] |= 1UL << (first & 63);
        }

        /// <summary>The first block from here on that was written, or was not; the end of the page: none.</summary>
        public int Next(int block, bool written)
        {
            var words = Words(ref _bits);
            while (block < Count)
            {
                var bits = (written ? words[block >> 6] : ~words[block >> 6]) >> (block & 63);
                if (bits != 0) return block + BitOperations.TrailingZeroCount(bits);
                block = (block | 63) + 1;
            }
            return Count;
        }

        private static Span<ulong> Words(ref ulong first) => MemoryMarshal.CreateSpan(ref first, Count / 64);
    }
}
