// SPDX-License-Identifier: Apache-2.0
using Microsoft.Win32.SafeHandles;

namespace Lifeboat.Nbd;

/// <summary>
/// A regular file or block device. Trim and zero punch holes, base:allocation comes from the file system's own map.
/// Durable means fdatasync.
/// </summary>
public sealed class FileExport : INbdExport, IDisposable
{
    private readonly SafeFileHandle _file;
    private readonly FileRanges _ranges;

    private FileExport(SafeFileHandle file, FileRanges ranges, NbdExportInfo info) =>
        (_file, _ranges, Info) = (file, ranges, info);

    public NbdExportInfo Info { get; }

    public static FileExport Open(string name, string path, bool readOnly)
    {
        var access = readOnly ? FileAccess.Read : FileAccess.ReadWrite;
        var file = File.OpenHandle(path, FileMode.Open, access, FileShare.ReadWrite);
        var ranges = new FileRanges(file);
        var info = new NbdExportInfo
        {
            Name = name,
            Size = ranges.Size(),
            ReadOnly = readOnly,
            CanMultiConn = true,   // one file, one page cache: a flush covers everybody's writes
            CanTrim = true,
            CanZero = true,
            CanFastZero = true,
            CanCache = true,
            MetaContexts = [NbdExtent.BaseAllocation],
        };
        return new FileExport(file, ranges, info);
    }

    public NbdError Read(long offset, Span<byte> buffer)
    {
        try
        {
            while (!buffer.IsEmpty)
            {
                var got = RandomAccess.Read(_file, buffer, offset);
                if (got == 0)
                    return NbdError.Io;   // the file has shrunk under us
                buffer = buffer[got..];
                offset += got;
            }
            return NbdError.None;
        }
        catch (IOException e)
        {
            return FileErrors.Of(e);
        }
    }

    public NbdError Write(long offset, ReadOnlySpan<byte> data, bool fua)
    {
        try
        {
            RandomAccess.Write(_file, data, offset);
        }
        catch (IOException e)
        {
            return FileErrors.Of(e);
        }
        return fua ? Flush() : NbdError.None;
    }

    public NbdError Zero(long offset, long length, NbdZeroFlags flags)
    {
        var error = flags.HasFlag(NbdZeroFlags.NoHole)
            ? _ranges.ZeroAllocated(offset, length)
            : _ranges.PunchHole(offset, length);
        if (error == NbdError.NotSupported && !flags.HasFlag(NbdZeroFlags.Fast))
            error = WriteZeroes(offset, length);
        return error == NbdError.None && flags.HasFlag(NbdZeroFlags.Fua) ? Flush() : error;
    }

    public NbdError Trim(long offset, long length, bool fua)
    {
        var error = _ranges.PunchHole(offset, length);
        if (error == NbdError.NotSupported)
            error = NbdError.None;   // a trim is advice
        return error == NbdError.None && fua ? Flush() : error;
    }

    public NbdError Flush() => _ranges.Sync();

    public NbdError Cache(long offset, long length) => _ranges.WillNeed(offset, length);

    public NbdError BlockStatus(string context, long offset, long length, NbdExtents extents) =>
        _ranges.Map(offset, length, extents);

    public void Dispose() => _file.Dispose();

    private NbdError WriteZeroes(long offset, long length)
    {
        ReadOnlySpan<byte> zeroes = new byte[Math.Min(length, 1024 * 1024)];
        while (length > 0)
        {
            var part = (int)Math.Min(length, zeroes.Length);
            if (Write(offset, zeroes[..part], fua: false) is var error && error != NbdError.None)
                return error;
            (length, offset) = (length - part, offset + part);
        }
        return NbdError.None;
    }
}
