// SPDX-License-Identifier: Apache-2.0
using System.Runtime.InteropServices;

namespace Lifeboat.Journaling.Storage;

/// <summary>
/// Gives the memory of buffers back to the system before they are dropped, or while nobody needs them. They would else
/// be in memory until the collector happens to look at long objects, which it seldom does.
/// </summary>
public static unsafe partial class SpareMemory
{
    private const int NotNeeded = 4; // MADV_DONTNEED

    /// <summary>What is in it means nothing from here on. What does not fill a page stays.</summary>
    public static void GiveBack(Span<byte> buffer)
    {
        fixed (byte* start = buffer)
        {
            var page = Environment.SystemPageSize;
            var first = ((nint)start + page - 1) / page * page;
            var length = ((nint)start + buffer.Length) / page * page - first;
            // It fails where the system knows no such thing, and nothing is lost then.
            if (length > 0) _ = Advise((void*)first, length, NotNeeded);
        }
    }

    [LibraryImport("libc", EntryPoint = "madvise")]
    private static partial int Advise(void* memory, nint length, int advice);
}
