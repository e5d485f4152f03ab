// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection;
using Lifeboat.Protection.Policies;

namespace Lifeboat.Replication.Replicas;

/// <summary>What a replica is asked to be. Volumes and names cannot change later; the epoch only rises.</summary>
/// <param name="Retention">
/// Points kept; may be changed while it is open. The newest sealed point is kept however old it is.
/// </param>
/// <param name="Origin">
/// It keeps the state of its seeds and takes no stream in. Asked for when it is made new; later it says nothing.
/// </param>
public sealed record ReplicaDefinition(
    string Group, Epoch Epoch, IReadOnlyList<ReplicaVolume> Volumes, Retention Retention,
    OriginPoint? Origin = null);

/// <summary>The state of the seeds as a recovery point at sequence 0, pinned from the first moment.</summary>
/// <param name="Pin">Name of the pin; taking it off lets the point expire as any other.</param>
/// <param name="Epoch">In which that state was written.</param>
/// <param name="CutAt">When it was written last, UTC.</param>
public sealed record OriginPoint(string Pin, string Label, Epoch Epoch, DateTimeOffset CutAt);

/// <param name="Index">The volume's number in the group's journal.</param>
/// <param name="SeedFormat">Of the seed file; null: by its extension.</param>
/// <param name="SeedFile">Copied into a base image that is made new; null: it begins as zeroes.</param>
/// <param name="TargetDisk">Existing raw file or block device that is the base image; null: the store's own.</param>
public sealed record ReplicaVolume(
    ushort Index, string Name, long SizeBytes, string? SeedFile = null, string? TargetDisk = null,
    string? SeedFormat = null);
