// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection;
using Lifeboat.Protection.Policies;

namespace Lifeboat.Contracts.Agents;

/// <summary>Asks an agent to keep the replica of a group. Desired state, as <see cref="SourceSpec"/>.</summary>
public sealed record ReplicaSpec
{
    public required string Group { get; init; }
    /// <summary>The only site whose certificate may ship into this replica.</summary>
    public required string PrimarySite { get; init; }
    public required Epoch Epoch { get; init; }
    public required IReadOnlyList<ReplicaVolume> Volumes { get; init; }
    /// <summary>Points kept. Putting another retention changes it without opening the replica anew.</summary>
    public required Retention Retention { get; init; }
    /// <summary>
    /// The state that its seeds hold stays a recovery point of its own; every volume has a seed then. Null: what the
    /// seeds hold is only where the first resync starts from.
    /// </summary>
    public KeptSeed? Keep { get; init; }
}

/// <param name="Pin">Name of the pin that holds the point from the first moment.</param>
/// <param name="Epoch">In which that state was written.</param>
/// <param name="CutAt">When it was written last, UTC.</param>
public sealed record KeptSeed(string Pin, string Label, Epoch Epoch, DateTimeOffset CutAt);

/// <param name="SeedFile">
/// An existing disk that the replica's base is copied from when it is first made (after a failover: the disk of the old
/// primary), so that a resync by hash compare moves only what differs. Any format qemu-img reads. Null: starts empty.
/// </param>
/// <param name="TargetDisk">An existing raw file or block device to keep the base in; null: a file of the
/// agent.</param>
/// <param name="SeedFormat">
/// The seed's format as the instance used it, e.g. `qcow2`. Null: by the file's extension. Never guessed from its
/// content.
/// </param>
public sealed record ReplicaVolume(ushort Index, string Name, long SizeBytes, string? SeedFile = null,
    string? TargetDisk = null, string? SeedFormat = null);
