// SPDX-License-Identifier: Apache-2.0
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Lifeboat.Volumes.Files;

/// <summary>The few system calls that .NET does not offer. Each answers as its manual page says.</summary>
internal static partial class Posix
{
    public const int NoSpace = 28;
    public const int QuotaExceeded = 122;
    public const int NotSupported = 95;
    public const int NoDevice = 19;
    public const int InvalidArgument = 22;
    public const int NoSuchAddress = 6;

    // EIO, ENODATA (a medium error, as the block layer tells it), EBADMSG and EUCLEAN (a file system's own checksum),
    // EILSEQ (protection information), EREMOTEIO (a target's medium).
    public static bool IsOfMedium(int errno) => errno is 5 or 61 or 74 or 84 or 117 or 121;

    public const int KeepSize = 0x01;
    public const int PunchHole = 0x02;
    public const int SeekEnd = 2;
    public const int SeekData = 3;

    [LibraryImport("libc", EntryPoint = "fdatasync", SetLastError = true)]
    public static partial int DataSync(SafeFileHandle file);

    [LibraryImport("libc", EntryPoint = "fallocate64", SetLastError = true)]
    public static partial int Allocate(SafeFileHandle file, int mode, long offset, long length);

    [LibraryImport("libc", EntryPoint = "lseek64", SetLastError = true)]
    public static partial long Seek(SafeFileHandle file, long offset, int whence);

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static partial int Sync(int descriptor);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int descriptor);

    /// <summary>The same file once more, to be read and written past the page cache; null: it cannot be.</summary>
    public static SafeFileHandle? TryOpenPastCache(SafeFileHandle file)
    {
        const int readWriteCloseOnExec = 0x2 | 0x80000;
        var isArm = RuntimeInformation.ProcessArchitecture is Architecture.Arm64 or Architecture.Arm;
        var direct = isArm ? 0x10000 : 0x4000;
        // Not by its name, which may have changed.
        var descriptor = Open($"/proc/self/fd/{file.DangerousGetHandle()}", readWriteCloseOnExec | direct);
        return descriptor < 0 ? null : new SafeFileHandle(descriptor, ownsHandle: true);
    }

    /// <summary>`struct flock`, as 64-bit Linux has it.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct FileLock
    {
        public short Type, Whence;
        public long Start, Length;
        public int Process;
    }

    public const short LockToWrite = 1, Unlocked = 2;
    public const int AskOpenLock = 36;

    [LibraryImport("libc", EntryPoint = "fcntl64", SetLastError = true)]
    public static partial int Control(SafeFileHandle file, int command, ref FileLock argument);

    public const int Terminate = 15;

    [LibraryImport("libc", EntryPoint = "kill")]
    public static partial int Kill(int process, int signal);

    /// <summary>fsync of a directory, which .NET cannot open as a file.</summary>
    /// <returns>0, or errno.</returns>
    public static int SyncDirectory(string path)
    {
        const int readOnlyDirectoryCloseOnExec = 0x10000 | 0x80000;
        var descriptor = Open(path, readOnlyDirectoryCloseOnExec);
        if (descriptor < 0) return Marshal.GetLastPInvokeError();
        var error = Sync(descriptor) == 0 ? 0 : Marshal.GetLastPInvokeError();
        _ = Close(descriptor);
        return error;
    }

    /// <summary>Makes the name of a file durable.</summary>
    /// <exception cref="Journaling.Storage.StorageException">fsync of its directory failed.</exception>
    public static void SyncDirectoryOf(string file)
    {
        var errno = SyncDirectory(Path.GetDirectoryName(file)!);
        if (errno != 0) throw StorageErrors.FromErrno(errno, "fsync", file);
    }
}
