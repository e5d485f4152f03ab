// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Journaling.Indexing;

/// <summary>A part of a volume and where its newest bytes are.</summary>
/// <param name="Source">What the index was given for the first byte; counts on with the bytes. Else -1 or -2.</param>
public readonly record struct Extent(long Offset, long Length, long Source)
{
    /// <summary>Source of a range that reads as zeroes.</summary>
    public const long Zeroes = -1;
    /// <summary>Source of a range that the index knows nothing of.</summary>
    public const long Unknown = -2;

    public long End => Offset + Length;
}
