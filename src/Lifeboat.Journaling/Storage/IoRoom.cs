// SPDX-License-Identifier: Apache-2.0
using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Lifeboat.Journaling.Storage;

/// <summary>
/// 2 MiB of memory that a disk can be written from as it is: it begins at a page, and is one huge page where the system
/// gives one, so that the kernel has little to pin. A few are kept for whoever needs one next.
/// </summary>
public sealed unsafe partial class IoRoom
{
    public const int Bytes = 2 << 20;
    /// <summary>What offsets and lengths must be a multiple of.</summary>
    public const int BlockBytes = 4096;

    private const int KeptMax = 4;
    private const int HugePage = 14; // MADV_HUGEPAGE

    private static readonly ConcurrentBag<IoRoom> Kept = [];

    private IoRoom()
    {
        // Twice as long, so that a whole huge page is in it; what is not used takes no memory.
        var array = GC.AllocateUninitializedArray<byte>(2 * Bytes, pinned: true);
        var start = (byte*)Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(array));
        var at = (int)(-(nint)start & (Bytes - 1));
        Memory = array.AsMemory(at, Bytes);
        _ = Advise(start + at, Bytes, HugePage); // small pages do too
    }

    public Memory<byte> Memory { get; }
    public Span<byte> Span => Memory.Span;

    public static IoRoom Rent() => Kept.TryTake(out var room) ? room : new IoRoom();

    /// <summary>Nobody may use its memory any more. When that is not certain it is dropped instead.</summary>
    public void Return()
    {
        if (Kept.Count < KeptMax) Kept.Add(this);
    }

    /// <summary>Whether bytes can be written to a place past the page cache, in whole blocks.</summary>
    public static bool IsAligned(long offset, ReadOnlySpan<byte> data)
    {
        fixed (byte* memory = data)
            return ((offset | (long)memory) & (BlockBytes - 1)) == 0;
    }

    [LibraryImport("libc", EntryPoint = "madvise")]
    private static partial int Advise(void* memory, nint length, int advice);
}
