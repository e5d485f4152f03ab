// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Testing.Storage;

/// <summary>
/// Bytes of a simulated file; pages never written read as zeroes and take no room. A clone shares pages until either
/// side writes to them, so that a disk can be forked thousands of times.
/// </summary>
internal sealed class SparseBytes
{
    public const int PageBytes = 4096;

    // Pages that carry this token are ours alone; cloning makes both sides take new ones.
    private object _token = new();
    private PageTable _pages = new();

    public SparseBytes()
    {
    }

    private SparseBytes(SparseBytes from) => (Length, _pages) = (from.Length, from._pages.Clone());

    public long Length { get; private set; }
    public long AllocatedBytes => (long)_pages.Count * PageBytes;

    public int Read(long offset, Span<byte> buffer)
    {
        var count = (int)Math.Clamp(Length - offset, 0, buffer.Length);
        for (var done = 0; done < count;)
        {
            var (page, at, room) = Locate(offset + done, count - done);
            var to = buffer.Slice(done, room);
            if (_pages.Find(page).Bytes is { } bytes) bytes.AsSpan(at, room).CopyTo(to);
            else to.Clear();
            done += room;
        }
        return count;
    }

    public void Write(long offset, ReadOnlySpan<byte> data)
    {
        Length = Math.Max(Length, offset + data.Length);
        for (var done = 0; done < data.Length;)
        {
            var (page, at, room) = Locate(offset + done, data.Length - done);
            data.Slice(done, room).CopyTo(Own(page, whole: room == PageBytes).AsSpan(at));
            done += room;
        }
    }

    public void Zero(long offset, long length)
    {
        Length = Math.Max(Length, offset + length);
        Clear(offset, offset + length);
    }

    public void SetLength(long length)
    {
        if (length < Length) Clear(length, Length);
        Length = length;
    }

    /// <summary>Pages that writing this range would newly take.</summary>
    public long NewBytes(long offset, int length)
    {
        long pages = 0;
        for (var page = offset / PageBytes; page * PageBytes < offset + length; page++)
            if (_pages.Find(page).Bytes is null) pages++;
        return pages * PageBytes;
    }

    /// <summary>No page of the range was ever written.</summary>
    public bool IsHole(long offset, long length)
    {
        for (var page = offset / PageBytes; page * PageBytes < offset + length; page++)
            if (_pages.Find(page).Bytes is not null) return false;
        return true;
    }

    public SparseBytes Clone()
    {
        _token = new object();
        return new SparseBytes(this);
    }

    private byte[] Own(long page, bool whole)
    {
        var known = _pages.Find(page);
        if (known.Bytes is { } ours && known.Token == _token) return ours;
        var bytes = PageArena.Take();
        if (known.Bytes is null)
        {
            if (!whole) bytes.AsSpan().Clear();
        }
        else if (!whole) known.Bytes.CopyTo(bytes, 0);
        _pages.Set(page, new Page(bytes, _token));
        return bytes;
    }

    private void Clear(long from, long to)
    {
        foreach (var page in _pages.Between(from / PageBytes, (to + PageBytes - 1) / PageBytes))
        {
            var start = Math.Max(from - page * PageBytes, 0);
            var end = Math.Min(to - page * PageBytes, PageBytes);
            if (start == 0 && end == PageBytes) _pages.Remove(page);
            else if (start < end) Own(page, whole: false).AsSpan((int)start, (int)(end - start)).Clear();
        }
    }

    private static (long Page, int At, int Room) Locate(long offset, int left)
    {
        var at = (int)(offset % PageBytes);
        return (offset / PageBytes, at, Math.Min(PageBytes - at, left));
    }

    private readonly record struct Page(byte[]? Bytes, object? Token);

    // Files are short, so almost all of their pages have a place of their own; the rest of a very long one is in a
    // dictionary.
    private struct PageTable
    {
        private const int NearMax = 1 << 14;
        private Page[] _near = [];
        private Dictionary<long, Page>? _far;

        public PageTable()
        {
        }

        public int Count { get; private set; }

        public readonly Page Find(long page)
        {
            if (page < _near.Length) return _near[page];
            return _far is null ? default : _far.GetValueOrDefault(page);
        }

        public void Set(long page, Page value)
        {
            if (Find(page).Bytes is null) Count++;
            if (page >= NearMax) (_far ??= [])[page] = value;
            else
            {
                if (page >= _near.Length)
                    Array.Resize(ref _near, (int)Math.Min(NearMax, Math.Max(page + 1, 2L * _near.Length)));
                _near[page] = value;
            }
        }

        public void Remove(long page)
        {
            if (Find(page).Bytes is null) return;
            Count--;
            if (page >= NearMax) _far!.Remove(page);
            else _near[page] = default;
        }

        /// <summary>Pages that are there, from the first to before the last; they may be removed on the way.</summary>
        public readonly IEnumerable<long> Between(long first, long end)
        {
            var near = _near;
            for (var page = first; page < Math.Min(end, near.Length); page++)
                if (near[page].Bytes is not null) yield return page;
            if (_far is null) yield break;
            foreach (var page in _far.Keys.Where(p => p >= first && p < end).ToList()) yield return page;
        }

        public readonly PageTable Clone() => this with
        {
            _near = [.. _near],
            _far = _far is null ? null : new Dictionary<long, Page>(_far),
        };
    }
}
