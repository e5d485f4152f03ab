// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Journaling.Indexing;

/// <summary>A part of a volume and where its newest bytes are.</summary>
/// <param name="Source">What the index was given for the first byte; counts on with the bytes. Else negative.</param>
public readonly record struct Extent(long Offset, long Length, long Source)
{
    /// <summary>Source of a range that reads as zeroes.</summary>
    public const long Zeroes = -1;
    /// <summary>Source of a range that the index knows nothing of.</summary>
    public const long Unknown = -2;
    /// <summary>Source of a range whose newest bytes are in a damaged record; only where somebody has put it.</summary>
    public const long Damaged = -3;

    public long End => Offset + Length;
}
