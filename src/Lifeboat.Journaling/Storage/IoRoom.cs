// SPDX-License-Identifier: Apache-2.0
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Lifeboat.Journaling.Storage;

/// <summary>
/// Memory that a disk can be written from as it is: it begins at a page, and is of huge pages where the system gives
/// them, so that the kernel has little to pin. What comes back is kept for whoever needs it next.
/// </summary>
public sealed unsafe partial class IoRoom
{
    public const int Bytes = 2 << 20;
    /// <summary>Of one for who waits for the disk as seldom as can be.</summary>
    public const int LargeBytes = 8 << 20;
    /// <summary>What offsets and lengths must be a multiple of.</summary>
    public const int BlockBytes = 4096;

    private const int KeptMax = 68;
    private const int LargeKeptMax = 2;
    private const int HugePageBytes = 2 << 20;
    private const int HugePage = 14, NotNeeded = 4; // MADV_HUGEPAGE, MADV_DONTNEED

    private static readonly Lock Gate = new();
    private static readonly Stack<IoRoom> Kept = [], LargeKept = [];
    [ThreadStatic]
    private static IoRoomLoan? _loan;
    private IoRoomLoan? _lentTo;

    private IoRoom(int length)
    {
        // Longer, so that whole huge pages are in it; what is not used takes no memory.
        var array = GC.AllocateUninitializedArray<byte>(length + HugePageBytes, pinned: true);
        var start = (byte*)Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(array));
        var at = (int)(-(nint)start & (HugePageBytes - 1));
        Memory = array.AsMemory(at, length);
        Advise(HugePage); // small pages do too
    }

    public Memory<byte> Memory { get; }
    public Span<byte> Span => Memory.Span;
    public int Length => Memory.Length;

    public static IoRoom Rent() => Rent(Kept, Bytes);
    public static IoRoom RentLarge() => Rent(LargeKept, LargeBytes);

    /// <summary>Nobody may use its memory any more. When that is not certain it is dropped instead.</summary>
    public void Return()
    {
        _lentTo = null;
        lock (Gate)
        {
            var (kept, most) = Length == Bytes ? (Kept, KeptMax) : (LargeKept, LargeKeptMax);
            if (kept.Count < most) kept.Push(this);
        }
    }

    /// <summary>
    /// Gives the memory of what is kept for nobody back to the system; call it when there is little to do.
    /// </summary>
    public static void Spare()
    {
        if (_loan is not null) return; // worlds follow one another, and each would have it all made anew
        lock (Gate)
            foreach (var room in Kept.Concat(LargeKept)) room.Advise(NotNeeded);
    }

    /// <summary>Whether bytes can be written to a place past the page cache, in whole blocks.</summary>
    public static bool IsAligned(long offset, ReadOnlySpan<byte> data)
    {
        fixed (byte* memory = data)
            return ((offset | (long)memory) & (BlockBytes - 1)) == 0;
    }

    /// <summary>
    /// From now on what this thread rents is on this loan: the simulator's way to have back what its processes held
    /// when they were killed. Null: on none.
    /// </summary>
    /// <returns>The loan until now.</returns>
    public static IoRoomLoan? Lend(IoRoomLoan? loan)
    {
        var before = _loan;
        _loan = loan;
        return before;
    }

    internal void ReturnFrom(IoRoomLoan loan)
    {
        if (_lentTo == loan) Return();
    }

    private static IoRoom Rent(Stack<IoRoom> kept, int length)
    {
        IoRoom? room;
        lock (Gate)
            _ = kept.TryPop(out room);
        room ??= new IoRoom(length);
        room._lentTo = _loan;
        _loan?.Note(room);
        return room;
    }

    // It fails where the system knows no such thing, and nothing is lost then.
    private void Advise(int advice)
    {
        fixed (byte* memory = Span) _ = Advise(memory, Length, advice);
    }

    [LibraryImport("libc", EntryPoint = "madvise")]
    private static partial int Advise(void* memory, nint length, int advice);
}
