// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Testing.Storage;

/// <summary>
/// Bytes of a simulated file; pages never written read as zeroes and take no room. A clone shares pages until either
/// side writes to them, so that a disk can be forked thousands of times.
/// </summary>
internal sealed class SparseBytes
{
    public const int PageBytes = 4096;

    private readonly Dictionary<long, Page> _pages;
    // Pages that carry this token are ours alone; cloning makes both sides take new ones.
    private object _token = new();

    public SparseBytes() => _pages = [];

    private SparseBytes(SparseBytes from)
    {
        Length = from.Length;
        _pages = new Dictionary<long, Page>(from._pages);
    }

    public long Length { get; private set; }
    public long AllocatedBytes => (long)_pages.Count * PageBytes;

    public int Read(long offset, Span<byte> buffer)
    {
        var count = (int)Math.Clamp(Length - offset, 0, buffer.Length);
        for (var done = 0; done < count;)
        {
            var (page, at, room) = Locate(offset + done, count - done);
            var to = buffer.Slice(done, room);
            if (_pages.TryGetValue(page, out var found)) found.Bytes.AsSpan(at, room).CopyTo(to);
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
            if (!_pages.ContainsKey(page)) pages++;
        return pages * PageBytes;
    }

    public SparseBytes Clone()
    {
        _token = new object();
        return new SparseBytes(this);
    }

    private byte[] Own(long page, bool whole)
    {
        var found = _pages.TryGetValue(page, out var known);
        if (found && known.Token == _token) return known.Bytes;
        var bytes = whole || found
            ? GC.AllocateUninitializedArray<byte>(PageBytes)
            : new byte[PageBytes];
        if (found && !whole) known.Bytes.CopyTo(bytes, 0);
        _pages[page] = new Page(bytes, _token);
        return bytes;
    }

    private void Clear(long from, long to)
    {
        if ((to - from) / PageBytes > _pages.Count)
        {
            foreach (var page in _pages.Keys.ToList()) ClearPage(page, from, to);
            return;
        }
        for (var page = from / PageBytes; page * PageBytes < to; page++) ClearPage(page, from, to);
    }

    private void ClearPage(long page, long from, long to)
    {
        if (!_pages.ContainsKey(page)) return;
        var start = Math.Max(from - page * PageBytes, 0);
        var end = Math.Min(to - page * PageBytes, PageBytes);
        if (start == 0 && end == PageBytes) _pages.Remove(page);
        else if (start < end) Own(page, whole: false).AsSpan((int)start, (int)(end - start)).Clear();
    }

    private static (long Page, int At, int Room) Locate(long offset, int left)
    {
        var at = (int)(offset % PageBytes);
        return (offset / PageBytes, at, Math.Min(PageBytes - at, left));
    }

    private readonly record struct Page(byte[] Bytes, object Token);
}
