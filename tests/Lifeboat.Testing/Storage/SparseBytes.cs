// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Testing.Storage;

/// <summary>Bytes of a simulated file; pages never written read as zeroes and take no room.</summary>
internal sealed class SparseBytes
{
    public const int PageBytes = 4096;

    private readonly Dictionary<long, byte[]> _pages = [];

    public long Length { get; private set; }
    public long AllocatedBytes => (long)_pages.Count * PageBytes;

    public int Read(long offset, Span<byte> buffer)
    {
        var count = (int)Math.Clamp(Length - offset, 0, buffer.Length);
        for (var done = 0; done < count;)
        {
            var (page, at, room) = Locate(offset + done, count - done);
            var to = buffer.Slice(done, room);
            if (_pages.TryGetValue(page, out var bytes)) bytes.AsSpan(at, room).CopyTo(to);
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
            if (!_pages.TryGetValue(page, out var bytes)) _pages[page] = bytes = new byte[PageBytes];
            data.Slice(done, room).CopyTo(bytes.AsSpan(at));
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
        var clone = new SparseBytes { Length = Length };
        foreach (var (page, bytes) in _pages) clone._pages[page] = (byte[])bytes.Clone();
        return clone;
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
        if (!_pages.TryGetValue(page, out var bytes)) return;
        var start = Math.Max(from - page * PageBytes, 0);
        var end = Math.Min(to - page * PageBytes, PageBytes);
        if (start == 0 && end == PageBytes) _pages.Remove(page);
        else if (start < end) bytes.AsSpan((int)start, (int)(end - start)).Clear();
    }

    private static (long Page, int At, int Room) Locate(long offset, int left)
    {
        var at = (int)(offset % PageBytes);
        return (offset / PageBytes, at, Math.Min(PageBytes - at, left));
    }
}
