// SPDX-License-Identifier: Apache-2.0
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Lifeboat.Nbd;

/// <summary>What the kernel can do with ranges of a file and .NET does not offer.</summary>
internal sealed partial class FileRanges(SafeFileHandle file)
{
    private const int SeekEnd = 2;
    private const int SeekData = 3;
    private const int SeekHole = 4;
    private const int KeepSize = 0x01;
    private const int Punch = 0x02;
    private const int ZeroRange = 0x10;
    private const int AdviseWillNeed = 3;
    private const int Enxio = 6;

    /// <summary>Works for block devices too, whose file length is 0.</summary>
    public long Size()
    {
        var size = Seek(file, 0, SeekEnd);
        return size >= 0 ? size : throw new IOException($"cannot seek: {Marshal.GetLastPInvokeErrorMessage()}");
    }

    public NbdError PunchHole(long offset, long length) => Allocate(KeepSize | Punch, offset, length);

    public NbdError ZeroAllocated(long offset, long length) => Allocate(KeepSize | ZeroRange, offset, length);

    public NbdError Sync() => DataSync(file) == 0 ? NbdError.None : LastError();

    public NbdError WillNeed(long offset, long length)
    {
        var errno = Advise(file, offset, length, AdviseWillNeed);
        return errno == 0 ? NbdError.None : FileErrors.Of(errno);
    }

    /// <summary>Holes and data as the file system knows them; data where it does not.</summary>
    public NbdError Map(long offset, long length, NbdExtents extents)
    {
        var end = offset + length;
        while (offset < end)
        {
            var data = NextData(offset, end);
            if (data > offset && !extents.Add(data - offset, NbdExtent.Hole | NbdExtent.Zero))
                break;
            if (data >= end)
                break;
            var hole = Seek(file, data, SeekHole);
            offset = hole > data ? hole : end;
            if (!extents.Add(offset - data, 0))
                break;
        }
        return NbdError.None;
    }

    private long NextData(long offset, long end)
    {
        var data = Seek(file, offset, SeekData);
        if (data >= 0)
            return data;
        return Marshal.GetLastPInvokeError() == Enxio ? end : offset;   // ENXIO: only a hole follows
    }

    private NbdError Allocate(int mode, long offset, long length) =>
        Fallocate(file, mode, offset, length) == 0 ? NbdError.None : LastError();

    private static NbdError LastError() => FileErrors.Of(Marshal.GetLastPInvokeError());

    [LibraryImport("libc", EntryPoint = "lseek", SetLastError = true)]
    private static partial long Seek(SafeFileHandle file, long offset, int whence);

    [LibraryImport("libc", EntryPoint = "fallocate", SetLastError = true)]
    private static partial int Fallocate(SafeFileHandle file, int mode, long offset, long length);

    [LibraryImport("libc", EntryPoint = "fdatasync", SetLastError = true)]
    private static partial int DataSync(SafeFileHandle file);

    [LibraryImport("libc", EntryPoint = "posix_fadvise")]
    private static partial int Advise(SafeFileHandle file, long offset, long length, int advice);
}
