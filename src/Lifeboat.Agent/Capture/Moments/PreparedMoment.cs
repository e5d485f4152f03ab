// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Agent.Capture.Moments;

/// <summary>What one disk has ready for a moment.</summary>
/// <param name="Device">Of the guest, by its path in QEMU's object tree.</param>
/// <param name="Node">The disk's own node, below whatever is of ours.</param>
/// <param name="Number">In the names of the nodes made for it, and of the map that goes on after it.</param>
/// <param name="Maps">Their union, once frozen, is what changed; none: nobody knows.</param>
internal sealed record PreparedMoment(QmpDiskTap Tap, string Device, string Node, long Number, Guid Replica,
    long SizeBytes, IReadOnlyList<DirtyBitmap> Maps);
