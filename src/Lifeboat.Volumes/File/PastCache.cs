// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Journaling.Storage;
using Microsoft.Win32.SafeHandles;

namespace Lifeboat.Volumes.Files;

/// <summary>
/// Writes past the page cache (O_DIRECT), where file and memory allow it: nothing is copied, and nothing is pushed out
/// of the cache by what nobody reads soon. Not more durable than other writes: the file's flush makes it so.
/// </summary>
internal sealed class PastCache(SafeFileHandle file) : IDisposable
{
    // Shorter ones wait longer for the disk than their copy takes.
    private const int LeastBytes = 256 << 10;
    private const int Einval = 22;

    private readonly Lock _gate = new();
    private SafeFileHandle? _direct;
    private bool _tried;
    private bool _disposed;

    /// <returns>Bytes at the start that are written; the rest is to be written in the common way.</returns>
    /// <exception cref="IOException">It failed, as any write may.</exception>
    public int Write(long offset, ReadOnlySpan<byte> data)
    {
        if (data.Length < LeastBytes || !IoRoom.IsAligned(offset, data) || Direct() is not { } direct) return 0;
        var whole = data.Length & ~(IoRoom.BlockBytes - 1);
        try
        {
            RandomAccess.Write(direct, data[..whole], offset);
            return whole;
        }
        catch (IOException e) when ((e.HResult & 0xFFFF) == Einval)
        {
            // A file system that wants other lengths or places than all others do.
            lock (_gate) Forget();
            return 0;
        }
    }

    public void Dispose()
    {
        lock (_gate)
        {
            _disposed = true;
            Forget();
        }
    }

    private SafeFileHandle? Direct()
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            if (!_tried) _direct = Posix.TryOpenPastCache(file);
            _tried = true;
            return _direct;
        }
    }

    // Who writes with it at this moment holds it: a safe handle is closed when its last use is over.
    private void Forget()
    {
        _direct?.Dispose();
        (_direct, _tried) = (null, true);
    }
}
