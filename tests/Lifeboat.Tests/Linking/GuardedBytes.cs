// SPDX-License-Identifier: Apache-2.0
using System.Runtime.InteropServices;

namespace Lifeboat.Tests.Linking;

/// <summary>
/// Memory between two pages that nobody may touch: an access beyond either end kills the process, reads included.
/// </summary>
internal sealed unsafe partial class GuardedBytes : IDisposable
{
    private const int Page = 4096, ReadWrite = 3, None = 0, PrivateAnonymous = 0x22;
    private readonly byte* _map;
    private readonly int _length;

    public GuardedBytes(int length)
    {
        _length = (length + Page - 1) / Page * Page;
        _map = (byte*)Map(0, _length + 2 * Page, None, PrivateAnonymous, -1, 0);
        if (_map == (byte*)-1) throw new OutOfMemoryException($"mmap: {Marshal.GetLastPInvokeError()}");
        if (Protect(_map + Page, _length, ReadWrite) != 0) throw new OutOfMemoryException("mprotect");
    }

    /// <summary>Bytes that end right before the guard.</summary>
    public Span<byte> Last(int length) => new(_map + Page + _length - length, length);

    /// <summary>Bytes that begin right behind the guard.</summary>
    public Span<byte> First(int length) => new(_map + Page, length);

    public void Dispose() => Unmap(_map, _length + 2 * Page);

    [LibraryImport("libc", EntryPoint = "mmap", SetLastError = true)]
    private static partial nint Map(nint at, nint length, int protection, int flags, int file, long offset);

    [LibraryImport("libc", EntryPoint = "mprotect")]
    private static partial int Protect(byte* at, nint length, int protection);

    [LibraryImport("libc", EntryPoint = "munmap")]
    private static partial int Unmap(byte* at, nint length);
}
