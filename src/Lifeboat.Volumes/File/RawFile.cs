// SPDX-License-Identifier: Apache-2.0
using System.Runtime.InteropServices;
using Lifeboat.Journaling.Storage;
using Microsoft.Win32.SafeHandles;

namespace Lifeboat.Volumes.Files;

/// <summary>
/// Positioned, blocking I/O on one file or block device. Blocking on purpose: RandomAccess.WriteAsync is a hop through
/// the thread pool at twice the processor time, and the callers are threads of their own.
/// </summary>
internal sealed class RawFile(SafeFileHandle handle, string path) : IDisposable
{
    private const int ZeroesBytes = 1 << 20;

    private static readonly byte[] Zeroes = new byte[ZeroesBytes];

    private readonly PastCache _pastCache = new(handle);
    private volatile bool _cannotPunch;

    public string Path => path;

    public static RawFile Open(string path, FileMode mode)
    {
        try
        {
            // Sharing for writes takes no lock: QEMU tools may look at the same file.
            var handle = System.IO.File.OpenHandle(path, mode, FileAccess.ReadWrite,
                FileShare.ReadWrite | FileShare.Delete);
            return new RawFile(handle, path);
        }
        catch (Exception e) when (StorageErrors.IsOurs(e))
        {
            throw StorageErrors.From(e, path);
        }
    }

    /// <summary>Length of a file, or size of a block device.</summary>
    public long Length()
    {
        var length = Posix.Seek(handle, 0, Posix.SeekEnd);
        return length >= 0 ? length : throw Error("seek");
    }

    public int Read(long offset, Span<byte> buffer)
    {
        try
        {
            var done = 0;
            while (done < buffer.Length)
            {
                var count = RandomAccess.Read(handle, buffer[done..], offset + done);
                if (count == 0) break;
                done += count;
            }
            return done;
        }
        catch (Exception e) when (StorageErrors.IsOurs(e))
        {
            throw StorageErrors.FromRead(e, path);
        }
    }

    public void Write(long offset, ReadOnlySpan<byte> data)
    {
        try
        {
            var past = _pastCache.Write(offset, data);
            if (past < data.Length) RandomAccess.Write(handle, data[past..], offset + past);
        }
        catch (Exception e) when (StorageErrors.IsOurs(e))
        {
            throw StorageErrors.From(e, path);
        }
    }

    /// <summary>Punches a hole where the file system can, else writes zeroes. Never changes the length.</summary>
    public void Zero(long offset, long length)
    {
        if (length <= 0) return;
        if (!_cannotPunch)
        {
            if (Posix.Allocate(handle, Posix.PunchHole | Posix.KeepSize, offset, length) == 0) return;
            var errno = Marshal.GetLastPInvokeError();
            if (errno is not (Posix.NotSupported or Posix.NoDevice or Posix.InvalidArgument))
                throw StorageErrors.FromErrno(errno, "punch hole", path);
            // Block devices refuse ranges that are not whole sectors with EINVAL; others must not be asked again.
            _cannotPunch = errno != Posix.InvalidArgument;
        }
        for (long done = 0; done < length; done += ZeroesBytes)
            Write(offset + done, Zeroes.AsSpan(0, (int)Math.Min(ZeroesBytes, length - done)));
    }

    /// <summary>
    /// Nothing is allocated there. False on a device and where the file system cannot tell.
    /// </summary>
    public bool IsHole(long offset, long length)
    {
        var data = Posix.Seek(handle, offset, Posix.SeekData);
        // ENXIO: no data up to the end of the file, or beyond it.
        return data < 0 ? Marshal.GetLastPInvokeError() == Posix.NoSuchAddress : data >= offset + length;
    }

    public void SetLength(long length)
    {
        try
        {
            RandomAccess.SetLength(handle, length);
        }
        catch (Exception e) when (StorageErrors.IsOurs(e))
        {
            throw StorageErrors.From(e, path);
        }
    }

    public void Flush()
    {
        if (Posix.DataSync(handle) != 0) throw Error("fdatasync");
    }

    public void Dispose()
    {
        _pastCache.Dispose();
        handle.Dispose();
    }

    private StorageException Error(string what) =>
        StorageErrors.FromErrno(Marshal.GetLastPInvokeError(), what, path);
}
