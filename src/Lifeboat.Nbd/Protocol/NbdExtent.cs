// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Nbd;

/// <summary>A run of <paramref name="Length"/> bytes with one status; the context says what flags mean.</summary>
public readonly record struct NbdExtent(long Length, uint Flags)
{
    /// <summary>base:allocation: nothing is allocated there.</summary>
    public const uint Hole = 1;

    /// <summary>base:allocation: reads as zeroes.</summary>
    public const uint Zero = 2;

    /// <summary>qemu:dirty-bitmap:*: written since the bitmap began.</summary>
    public const uint Dirty = 1;

    public const string BaseAllocation = "base:allocation";

    public const string DirtyBitmapPrefix = "qemu:dirty-bitmap:";
}
