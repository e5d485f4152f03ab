// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Sites.OpenStack.Mirrors;

/// <summary>An image of the pool, as `rbd info` tells it.</summary>
/// <param name="GlobalId">By which both sides know it while it is mirrored; null: it is not.</param>
/// <param name="Parent">What it is a clone of; null: it stands alone.</param>
internal sealed record RbdImage(string Name, long SizeBytes, string? GlobalId, bool IsPrimary, string? Parent);

/// <summary>A snapshot of an image, as `rbd snap ls --all` tells it.</summary>
/// <param name="State">Of the mirror's own: `primary`, `non-primary`, `demoted`; null: somebody else's.</param>
/// <param name="PrimaryId">Of the mirror's own at the other side: the snapshot there that it is of.</param>
internal sealed record RbdSnapshot(long Id, string Name, bool IsUser, string? State, bool IsComplete, long? PrimaryId);

/// <summary>What the other side needs to look for a point of an image.</summary>
/// <param name="MirrorSnapshot">Id, at the primary side, of the mirror's snapshot that carries ours.</param>
/// <param name="Last">With it the image was demoted.</param>
internal sealed record MirrorRecord(string Image, string GlobalId, string Snapshot, long MirrorSnapshot, bool Last);
