// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Journaling.Storage;
using Lifeboat.Testing;
using Lifeboat.Volumes.Files;

namespace Lifeboat.Tests.Volumes.Files;

/// <summary>Long writes from memory that begins at a page go past the page cache, and nobody can tell.</summary>
public sealed class PastCacheTests : IDisposable
{
    private const int Size = 24 << 20;

    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    // Under /var/tmp for a disk, and under /dev/shm for what may know no other way than the cache.
    [Theory]
    [InlineData("/var/tmp", 1)]
    [InlineData("/var/tmp", 2)]
    [InlineData("/dev/shm", 3)]
    public void Mixed_with_other_writes_the_newest_bytes_are_read(string where, ulong seed)
    {
        var path = Path.Combine(where, $"lifeboat-{Guid.NewGuid():N}");
        try
        {
            var prng = new Prng(seed);
            var model = new byte[Size];
            using (var file = RawFile.Open(path, FileMode.CreateNew))
            {
                file.SetLength(Size);
                for (var round = 0; round < 120; round++) Step(file, prng, model);
                file.Flush();
            }
            Assert.True(File.ReadAllBytes(path).AsSpan().SequenceEqual(model));
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void Only_whole_blocks_from_a_page_go_past_it()
    {
        var path = _directory["file"];
        File.WriteAllBytes(path, new byte[4 << 20]);
        using var handle = File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite);
        using var past = new PastCache(handle);
        var room = IoRoom.Rent();
        room.Span.Fill(0x5a);
        var isThere = past.Write(0, room.Span) == IoRoom.Bytes;

        Assert.Equal(0, past.Write(512, room.Span));
        Assert.Equal(0, past.Write(4096, room.Span[..4096]));
        Assert.Equal(0, past.Write(0, room.Span[1..]));
        if (isThere) Assert.Equal(1 << 20, past.Write(1 << 20, room.Span[..((1 << 20) + 100)]));
        room.Return();
        Assert.Equal(isThere ? IoRoom.Bytes : 0, File.ReadAllBytes(path).Count(b => b == 0x5a));
    }

    [Fact]
    public void A_closed_file_is_not_opened_again()
    {
        using var handle = File.OpenHandle(_directory["file"], FileMode.CreateNew, FileAccess.ReadWrite);
        var past = new PastCache(handle);
        past.Dispose();
        var room = IoRoom.Rent();
        Assert.Throws<ObjectDisposedException>(() => past.Write(0, room.Span));
        room.Return();
    }

    private static void Step(RawFile file, Prng prng, byte[] model)
    {
        var room = IoRoom.Rent();
        var length = 1 + (int)prng.Next(IoRoom.Bytes);
        var offset = (int)prng.Next(Size - length);
        if (prng.Next(4) > 0)
        {
            offset = offset / IoRoom.BlockBytes * IoRoom.BlockBytes;
            if (prng.Next(2) > 0) length = Math.Max(1, length / IoRoom.BlockBytes) * IoRoom.BlockBytes;
        }
        length = Math.Min(length, Size - offset);
        var data = room.Span[..length];
        switch (prng.Next(6))
        {
            case 0:
                file.Zero(offset, length);
                model.AsSpan(offset, length).Clear();
                break;
            case 1:
                Assert.Equal(length, file.Read(offset, data));
                Assert.True(data.SequenceEqual(model.AsSpan(offset, length)));
                break;
            case 2:
                file.Flush();
                break;
            default:
                prng.Bytes(length).CopyTo(data);
                file.Write(offset, data);
                data.CopyTo(model.AsSpan(offset));
                break;
        }
        room.Return();
    }
}
