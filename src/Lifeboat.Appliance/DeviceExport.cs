// SPDX-License-Identifier: Apache-2.0
using System.Runtime.InteropServices;
using Lifeboat.Nbd;
using Microsoft.Win32.SafeHandles;

namespace Lifeboat.Appliance;

/// <summary>
/// A volume's device, written past the page cache: once a write was answered the kernel has nothing left of it that it
/// could write later, when the volume may be somebody else's. Durable means fdatasync, which flushes the device.
/// </summary>
internal sealed partial class DeviceExport : INbdExport, IPlacesWrites, IDisposable
{
    private const int PieceBytes = 4 << 20;
    private const int Block = 4096;
    private const int SectorBytes = 512;

    private readonly SafeFileHandle _device;
    private readonly FileRanges _ranges;
    private readonly AlignedMemory _piece = new(PieceBytes, Block);
    private readonly Lock _gate = new();

    private DeviceExport(SafeFileHandle device, FileRanges ranges, NbdExportInfo info) =>
        (_device, _ranges, Info) = (device, ranges, info);

    public NbdExportInfo Info { get; }

    /// <exception cref="IOException">It cannot be opened, or somebody in this server uses it.</exception>
    public static DeviceExport Open(string name, string path)
    {
        var device = OpenDirect(path);
        try
        {
            var ranges = new FileRanges(device);
            var size = ranges.Size();
            var block = size % Block == 0 ? Block : SectorBytes;
            return new DeviceExport(device, ranges, new NbdExportInfo
            {
                Name = name,
                Size = size / block * block,
                MinBlock = block,
                PreferredBlock = 1 << 20,
                MaxBlock = NbdLimits.PayloadBytesMax,
                CanMultiConn = true,
                CanZero = true,
            });
        }
        catch (IOException)
        {
            device.Dispose();
            throw;
        }
    }

    public NbdError Read(long offset, Span<byte> buffer)
    {
        lock (_gate)
        {
            while (!buffer.IsEmpty)
            {
                var part = Math.Min(buffer.Length, PieceBytes);
                var error = ReadWhole(_piece.Span[..part], offset);
                if (error != NbdError.None) return error;
                _piece.Span[..part].CopyTo(buffer);
                buffer = buffer[part..];
                offset += part;
            }
            return NbdError.None;
        }
    }

    public NbdError Write(long offset, ReadOnlySpan<byte> data, bool fua)
    {
        lock (_gate)
        {
            while (!data.IsEmpty)
            {
                var part = Math.Min(data.Length, PieceBytes);
                data[..part].CopyTo(_piece.Span);
                var error = WritePiece(offset, _piece.Span[..part]);
                if (error != NbdError.None) return error;
                data = data[part..];
                offset += part;
            }
        }
        return fua ? Flush() : NbdError.None;
    }

    /// <summary>One client at a time has an export here, so there is one place.</summary>
    public Memory<byte> Place(long offset, int length) => _piece.Memory[..Math.Min(length, PieceBytes)];

    public NbdError WritePlaced(long offset, Memory<byte> place, bool fua)
    {
        lock (_gate)
        {
            var error = WritePiece(offset, place.Span);
            return error == NbdError.None && fua ? Flush() : error;
        }
    }

    // Where the storage cannot be told to be zero it is looked at first: most of a new volume is, and what is only read
    // takes no room.
    public NbdError Zero(long offset, long length, NbdZeroFlags flags)
    {
        var error = flags.HasFlag(NbdZeroFlags.NoHole) ? _ranges.ZeroAllocated(offset, length)
            : _ranges.PunchHole(offset, length);
        if (error is NbdError.NotSupported or NbdError.Invalid && !flags.HasFlag(NbdZeroFlags.Fast))
            error = ZeroWhatIsNot(offset, length);
        return error == NbdError.None && flags.HasFlag(NbdZeroFlags.Fua) ? Flush() : error;
    }

    public NbdError Flush() => _ranges.Sync();

    public void Dispose()
    {
        _device.Dispose();
        lock (_gate) _piece.Dispose();
    }

    private NbdError ZeroWhatIsNot(long offset, long length)
    {
        lock (_gate)
        {
            while (length > 0)
            {
                var part = (int)Math.Min(length, PieceBytes);
                var piece = _piece.Span[..part];
                var error = ReadWhole(piece, offset);
                if (error == NbdError.None && piece.ContainsAnyExcept((byte)0))
                {
                    piece.Clear();
                    error = WritePiece(offset, piece);
                }
                if (error != NbdError.None) return error;
                (offset, length) = (offset + part, length - part);
            }
            return NbdError.None;
        }
    }

    private NbdError WritePiece(long offset, ReadOnlySpan<byte> data)
    {
        try
        {
            RandomAccess.Write(_device, data, offset);
            return NbdError.None;
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            return Of(e);
        }
    }

    private NbdError ReadWhole(Span<byte> buffer, long offset)
    {
        try
        {
            while (!buffer.IsEmpty)
            {
                var got = RandomAccess.Read(_device, buffer, offset);
                if (got == 0) return NbdError.Io;
                buffer = buffer[got..];
                offset += got;
            }
            return NbdError.None;
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            return Of(e);
        }
    }

    // A volume that was taken out is an error of its device.
    private static NbdError Of(Exception e) => e is IOException io ? FileErrors.Of(io) : NbdError.Io;

    private static SafeFileHandle OpenDirect(string path)
    {
        const int ReadWrite = 2, Exclusive = 0x80, CloseOnExec = 0x80000, Direct = 0x4000;
        // Exclusive without O_CREAT is of block devices only: nobody has it mounted.
        var flags = ReadWrite | CloseOnExec | Direct | (path.StartsWith("/dev/", StringComparison.Ordinal)
            ? Exclusive : 0);
        var fd = NativeOpen(path, flags);
        return fd >= 0 ? new SafeFileHandle(fd, ownsHandle: true)
            : throw new IOException($"{path}: {Marshal.GetLastPInvokeErrorMessage()}");
    }

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int NativeOpen(string path, int flags);
}
