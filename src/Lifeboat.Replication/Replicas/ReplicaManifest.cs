// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection;
using Lifeboat.Protection.RecoveryPoints;

namespace Lifeboat.Replication.Replicas;

/// <summary>
/// What a replica must know besides base images and journal; see <see cref="ManifestFile"/>. Format:
/// docs/formats/replica.md.
/// </summary>
/// <param name="Folded">The base stands at this sequence, at least.</param>
/// <param name="FoldingTo">Folding may have touched the base up to here: no state before it can be opened.</param>
/// <param name="StreamId">The stream as of <paramref name="Folded"/>; later ones are in the journal.</param>
/// <param name="InBatch">A batch is open as of <paramref name="Folded"/>.</param>
/// <param name="Seeded">A base began with other content than zeroes.</param>
/// <param name="Sums">How far the base images have checksums; null: written before there were any.</param>
/// <param name="Damages">What was found damaged and is not whole again.</param>
/// <param name="ScrubbedAt">End of the last full scrub.</param>
/// <param name="Moves">How often the source was moved in this epoch; written before version 2 knew it: 0.</param>
/// <param name="Origin">It keeps the state it began with, as its only point.</param>
internal sealed record ReplicaManifest(
    int Version, Guid ReplicaId, string Group, long Epoch, long Folded, long FoldingTo, Guid StreamId, bool InBatch,
    bool Seeded, IReadOnlyList<ManifestVolume> Volumes, IReadOnlyList<ManifestPin> Pins,
    IReadOnlyList<ManifestView> Views, IReadOnlyList<ManifestSums>? Sums = null,
    IReadOnlyList<ReplicaDamage>? Damages = null, DateTimeOffset? ScrubbedAt = null,
    ManifestOrigin? Origin = null, long Moves = 0)
{
    public const int CurrentVersion = 2;
}

internal sealed record ManifestVolume(ushort Index, string Name, long SizeBytes);

/// <summary>The point at sequence 0, which no record of the journal is about.</summary>
internal sealed record ManifestOrigin(Guid PointId, string Label, long Epoch, DateTimeOffset CutAt)
{
    public RecoveryPoint Point() => new(PointId, 0, new Epoch(Epoch), CutAt, Consistency.Crash, PointState.Sealed,
        Label, null, new Dictionary<string, Consistency>());
}

/// <summary>A named lease on a point.</summary>
internal sealed record ManifestPin(string Name, Guid PointId, long Sequence);

/// <summary>A view that holds folding back until it is closed, also over a restart.</summary>
internal sealed record ManifestView(string Name, long Sequence, bool Writable);

/// <param name="To">Blocks below this byte of the volume have a checksum.</param>
internal sealed record ManifestSums(ushort Index, long To);
