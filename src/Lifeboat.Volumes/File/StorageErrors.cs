// SPDX-License-Identifier: Apache-2.0
using System.Runtime.InteropServices;
using Lifeboat.Journaling.Storage;

namespace Lifeboat.Volumes.Files;

/// <summary>Turns what .NET and the kernel say into the one exception of the storage port.</summary>
internal static class StorageErrors
{
    // On Unix the HResult of an IOException is errno, but for a failed preallocation, which uses the Windows code.
    private const int WindowsDiskFull = 0x70;

    public static bool IsOurs(Exception e) => e is IOException or UnauthorizedAccessException;

    public static StorageException From(Exception e, string path) => e switch
    {
        FileNotFoundException or DirectoryNotFoundException =>
            new StorageException(StorageFault.NotFound, $"{path} is not there", e),
        IOException when IsFull(e.HResult & 0xFFFF) =>
            new StorageException(StorageFault.Full, $"{path}: no space left", e),
        _ => new StorageException(StorageFault.Io, $"{path}: {e.Message}", e),
    };

    /// <summary>What a read failed with: a sector that cannot be read is not like a disk that is gone.</summary>
    public static StorageException FromRead(Exception e, string path) =>
        e is IOException && Posix.IsOfMedium(e.HResult & 0xFFFF)
            ? new StorageException(StorageFault.Unreadable, $"{path}: {e.Message}", e)
            : From(e, path);

    public static StorageException FromErrno(int errno, string what, string path) => new(
        IsFull(errno) ? StorageFault.Full : StorageFault.Io,
        $"{what} of {path}: {Marshal.GetPInvokeErrorMessage(errno)}");

    private static bool IsFull(int errno) => errno is Posix.NoSpace or Posix.QuotaExceeded or WindowsDiskFull;
}
