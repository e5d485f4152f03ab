// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Testing.Storage;

/// <summary>
/// Pages that one world after the other uses on the same thread: a world takes thousands and all of them are dead with
/// it, so the next one gets them, still warm, instead of new ones. Where no world runs there is no arena, and pages are
/// garbage like everything else.
/// </summary>
internal sealed class PageArena
{
    // 32 MiB a thread; what a larger world takes beyond it is garbage.
    private const int PagesMax = 8 << 10;

    [ThreadStatic]
    private static PageArena? _ofThread;

    private readonly List<byte[]> _pages = [];
    private int _taken;
    private bool _open;

    /// <summary>Until the next call of <see cref="Close"/> pages come from the arena of this thread. Worlds in worlds
    /// share nothing: the inner one gets new pages.</summary>
    /// <returns>Null: it is open already.</returns>
    public static PageArena? Open()
    {
        var arena = _ofThread ??= new PageArena();
        if (arena._open) return null;
        arena._open = true;
        return arena;
    }

    /// <summary>Nobody looks at any page any more that was taken since it was opened.</summary>
    public void Close() => (_open, _taken) = (false, 0);

    /// <summary>A page with anything in it.</summary>
    public static byte[] Take() => _ofThread is { _open: true } arena && arena.TryTake() is { } page
        ? page
        : GC.AllocateUninitializedArray<byte>(SparseBytes.PageBytes);

    private byte[]? TryTake()
    {
        if (_taken == _pages.Count)
        {
            if (_taken == PagesMax) return null;
            _pages.Add(GC.AllocateUninitializedArray<byte>(SparseBytes.PageBytes));
        }
        return _pages[_taken++];
    }
}
