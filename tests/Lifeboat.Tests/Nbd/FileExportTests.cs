// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Nbd;
using Lifeboat.Testing;

namespace Lifeboat.Tests.Nbd;

public sealed class FileExportTests : IDisposable
{
    private const int Mebibyte = 1024 * 1024;

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("lifeboat-nbd-");
    private readonly FileExport _disk;

    public FileExportTests()
    {
        using (var file = File.Create(ImagePath))
            file.SetLength(8 * Mebibyte);
        _disk = FileExport.Open("disk", ImagePath, readOnly: false);
    }

    private string ImagePath => Path.Combine(_folder.FullName, "disk.img");

    public void Dispose()
    {
        _disk.Dispose();
        _folder.Delete(recursive: true);
    }

    [Fact]
    public void Holes_are_told_from_data()
    {
        Assert.Equal(NbdError.None, _disk.Write(Mebibyte, new Prng(1).Bytes(Mebibyte), fua: true));

        Assert.Equal([Hole(1), new NbdExtent(Mebibyte, 0), Hole(6)], Status(0, 8 * Mebibyte));
        Assert.Equal([new NbdExtent(4096, 0)], Status(Mebibyte + 8192, 4096));
        Assert.Equal([Hole(3)], Status(4 * Mebibyte, 3 * Mebibyte));
    }

    [Fact]
    public void Trim_and_zero_punch_holes_and_no_hole_keeps_the_place()
    {
        var data = new Prng(2).Bytes(8 * Mebibyte);
        _disk.Write(0, data, fua: false);

        Assert.Equal(NbdError.None, _disk.Trim(0, Mebibyte, fua: true));
        Assert.Equal(NbdError.None, _disk.Zero(2 * Mebibyte, Mebibyte, NbdZeroFlags.Fast));
        Assert.Equal(NbdError.None, _disk.Zero(4 * Mebibyte, Mebibyte, NbdZeroFlags.NoHole | NbdZeroFlags.Fua));
        Assert.Equal(NbdError.None, _disk.Flush());

        foreach (var zeroed in (int[])[0, 2, 4])
            data.AsSpan(zeroed * Mebibyte, Mebibyte).Clear();
        var back = new byte[data.Length];
        Assert.Equal(NbdError.None, _disk.Read(0, back));
        Assert.True(back.AsSpan().SequenceEqual(data));
        Assert.Equal([Hole(1)], Status(0, Mebibyte));
        Assert.Equal([Hole(1)], Status(2 * Mebibyte, Mebibyte));
        Assert.Equal(8L * Mebibyte, new FileInfo(ImagePath).Length);
    }

    [Fact]
    public void A_file_that_shrank_is_an_error_not_a_loop()
    {
        using (var file = new FileStream(ImagePath, FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
            file.SetLength(Mebibyte);

        Assert.Equal(NbdError.Io, _disk.Read(Mebibyte - 512, new byte[1024]));
    }

    private static NbdExtent Hole(int mebibytes) => new(mebibytes * (long)Mebibyte, NbdExtent.Hole | NbdExtent.Zero);

    private IReadOnlyList<NbdExtent> Status(long offset, long length)
    {
        var extents = new NbdExtents();
        extents.Begin(length, 100);
        Assert.Equal(NbdError.None, _disk.BlockStatus(NbdExtent.BaseAllocation, offset, length, extents));
        return extents.Items;
    }
}
