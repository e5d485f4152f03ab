// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Journaling.Segments;

/// <summary>
/// How much memory journals together keep of what they appended, for who follows closely. Not a number of its own for
/// each, since there may be hundreds. An object, not a counter of the process, so that simulated processes have one
/// each: whether somebody reads from memory or from the disk must not depend on what else ran in this one.
/// </summary>
/// <param name="roomsMax">Appends of 2 MiB at most each; 0: everything is read from the disk.</param>
public sealed class WarmBudget(int roomsMax)
{
    private int _rooms;

    /// <summary>Of all journals of this process: 128 MiB.</summary>
    public static WarmBudget OfProcess { get; } = new(64);

    internal bool TryTake()
    {
        if (Interlocked.Increment(ref _rooms) <= roomsMax) return true;
        Interlocked.Decrement(ref _rooms);
        return false;
    }

    internal void GiveBack() => Interlocked.Decrement(ref _rooms);
}
