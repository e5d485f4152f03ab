// SPDX-License-Identifier: Apache-2.0
using System.Runtime.InteropServices;
using Lifeboat.Protection;

namespace Lifeboat.Journaling.Indexing;

// An interval map of one volume: for every byte, the source given last. Sorted arrays in buckets of 4 MiB: inserting
// moves little, and a bucket costs nothing until it is touched. 16 bytes for each piece.
//
// Invariants of a bucket
//   Pieces are sorted, do not overlap, lie inside the bucket and are never empty.
//   A bucket that is zero all over is the shared array WholeZero; it is copied before it is changed.
public sealed class ExtentMap
{
    private const int BucketShift = 22;
    private const int BucketBytes = 1 << BucketShift;
    private const int PageShift = 10;

    private static readonly Piece[] WholeZero = [new(0, BucketBytes, Extent.Zeroes)];

    // Two levels, so that a map of a large volume with few writes stays small.
    private readonly Bucket[]?[] _pages;
    private readonly long _sizeBytes;

    public ExtentMap(long sizeBytes)
    {
        _sizeBytes = sizeBytes;
        _pages = new Bucket[]?[(int)((sizeBytes >> (BucketShift + PageShift)) + 1)];
    }

    /// <summary>The newest source of this range; earlier ones are forgotten where they overlap.</summary>
    /// <param name="source">0 or more for data, or <see cref="Extent.Zeroes"/>.</param>
    public void Set(long offset, long length, long source)
    {
        Invariant.Holds(offset >= 0 && length > 0 && offset <= _sizeBytes - length, "extents lie inside the volume");
        for (var end = offset + length; offset < end;)
        {
            var start = (int)(offset & (BucketBytes - 1));
            var room = (int)Math.Min(BucketBytes - start, end - offset);
            ref var bucket = ref BucketAt(offset >> BucketShift);
            if (room == BucketBytes && source == Extent.Zeroes) bucket = new Bucket(WholeZero, 1);
            else bucket.Set(start, start + room, source);
            offset += room;
            if (source >= 0) source += room;
        }
    }

    /// <summary>Adds the extents that make up the range, in order and without gaps, to the list.</summary>
    public void Find(long offset, long length, List<Extent> into)
    {
        for (var end = offset + length; offset < end;)
        {
            var base_ = offset & ~(long)(BucketBytes - 1);
            var from = (int)(offset - base_);
            var to = (int)Math.Min(BucketBytes, end - base_);
            var pieces = PiecesAt(offset >> BucketShift);
            for (var i = FirstEndingAfter(pieces, from); i < pieces.Length && pieces[i].Start < to; i++)
            {
                var piece = pieces[i];
                if (piece.Start > from) Add(into, base_ + from, base_ + piece.Start, Extent.Unknown);
                var start = Math.Max(piece.Start, from);
                var stop = Math.Min(piece.End, to);
                Add(into, base_ + start, base_ + stop, piece.SourceAt(start));
                from = stop;
            }
            if (from < to) Add(into, base_ + from, base_ + to, Extent.Unknown);
            offset = base_ + to;
        }
    }

    /// <summary>All known extents in order of offset.</summary>
    public IEnumerable<Extent> All()
    {
        for (var page = 0; page < _pages.Length; page++)
        {
            if (_pages[page] is not { } buckets) continue;
            for (var i = 0; i < buckets.Length; i++)
            {
                var base_ = ((long)page << PageShift) + i << BucketShift;
                var (pieces, count) = (buckets[i].Pieces, buckets[i].Count);
                for (var p = 0; p < count; p++)
                    yield return new Extent(base_ + pieces![p].Start, pieces[p].Length, pieces[p].Source);
            }
        }
    }

    /// <summary>Bytes of memory that the map takes, but for object heads.</summary>
    public long MemoryBytes => _pages.LongLength * 8 + _pages.Where(p => p is not null).SelectMany(p => p!)
        .Sum(b => 16L + (b.Pieces is null || b.Pieces == WholeZero ? 0 : 24 + b.Pieces.LongLength * 16));

    /// <summary>Gives back spare room; call it when nothing more is set.</summary>
    public void Compact()
    {
        foreach (var page in _pages)
        {
            if (page is null) continue;
            foreach (ref var bucket in page.AsSpan())
                if (bucket.Pieces is { } pieces && pieces.Length > bucket.Count)
                    bucket = new Bucket(pieces[..bucket.Count], bucket.Count);
        }
    }

    private ref Bucket BucketAt(long number)
    {
        ref var page = ref _pages[(int)(number >> PageShift)];
        page ??= new Bucket[Math.Min(1 << PageShift, (_sizeBytes >> BucketShift) + 1 - FirstOfPage(number))];
        return ref page[(int)(number & ((1 << PageShift) - 1))];
    }

    private static long FirstOfPage(long number) => number & ~((1L << PageShift) - 1);

    private ReadOnlySpan<Piece> PiecesAt(long number)
    {
        if (_pages[(int)(number >> PageShift)] is not { } page) return [];
        var bucket = page[(int)(number & ((1 << PageShift) - 1))];
        return bucket.Pieces.AsSpan(0, bucket.Count);
    }

    internal static void Add(List<Extent> into, long from, long to, long source)
    {
        if (from >= to) return;
        // Neighbours across buckets become one again.
        if (into.Count > 0 && CollectionsMarshal.AsSpan(into)[^1] is var last && last.End == from
            && (source < 0 ? last.Source == source : last.Source >= 0 && last.Source + last.Length == source))
            into[^1] = last with { Length = last.Length + (to - from) };
        else
            into.Add(new Extent(from, to - from, source));
    }

    private static int FirstEndingAfter(ReadOnlySpan<Piece> pieces, int at)
    {
        int low = 0, high = pieces.Length;
        while (low < high)
        {
            var middle = (low + high) >>> 1;
            if (pieces[middle].End <= at) low = middle + 1;
            else high = middle;
        }
        return low;
    }

    [StructLayout(LayoutKind.Sequential)]
    private readonly record struct Piece(int Start, int Length, long Source)
    {
        public int End => Start + Length;
        public long SourceAt(int at) => Source < 0 ? Source : Source + (at - Start);
        public Piece Part(int from, int to) => new(from, to - from, SourceAt(from));
    }

    private struct Bucket(Piece[] pieces, int count)
    {
        public Piece[]? Pieces = pieces;
        public int Count = count;

        public void Set(int from, int to, long source)
        {
            var pieces = Pieces.AsSpan(0, Count);
            var first = FirstEndingAfter(pieces, from);
            var behind = first;
            while (behind < pieces.Length && pieces[behind].Start < to) behind++;

            Span<Piece> put = stackalloc Piece[3];
            var n = 0;
            if (first < behind && pieces[first].Start < from) put[n++] = pieces[first].Part(pieces[first].Start, from);
            put[n++] = new Piece(from, to - from, source);
            if (first < behind && pieces[behind - 1] is var last && last.End > to) put[n++] = last.Part(to, last.End);
            Replace(first, behind, put[..n]);
        }

        private void Replace(int first, int behind, ReadOnlySpan<Piece> put)
        {
            var count = Count - (behind - first) + put.Length;
            var old = Pieces ?? [];
            var target = old;
            if (count > old.Length || old == WholeZero)
            {
                target = new Piece[Math.Max(4, count + count / 2)];
                old.AsSpan(0, first).CopyTo(target);
            }
            old.AsSpan(behind, Count - behind).CopyTo(target.AsSpan(first + put.Length));
            put.CopyTo(target.AsSpan(first));
            Pieces = target;
            Count = count;
        }
    }
}
