// SPDX-License-Identifier: Apache-2.0
using System.Text.Json.Serialization;
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
    /// This is no replica of the group but keeps, beside it, the state that its seeds hold: its one point. It takes no
    /// stream in, and every volume has a seed. Null: a replica; what seeds hold is where the first resync starts from.
    /// </summary>
    public KeptSeed? Keep { get; init; }

    /// <summary>What it is called at its agent, in names of files too: no group has a dot in its name.</summary>
    [JsonIgnore]
    public string Key => Keep is null ? Group : $"{Group}.{Keep.Pin}";
}

/// <param name="Pin">Name of the pin that holds the point from the first moment.</param>
/// <param name="Epoch">In which that state was written.</param>
/// <param name="CutAt">When it was written last, UTC.</param>
public sealed record KeptSeed(string Pin, string Label, Epoch Epoch, DateTimeOffset CutAt);

/// <param name="SeedFile">
/// An existing disk that the replica's base is copied from when it is first made (after a failover: the disk of the old
/// primary), so that a resync by hash compare moves only what differs. Any format qemu-img reads; a path, or `json:`
/// and the options of what is no file. Null: starts empty.
/// </param>
/// <param name="TargetDisk">An existing raw file or block device to keep the base in; null: a file of the
/// agent.</param>
/// <param name="SeedFormat">
/// The seed's format as the instance used it, e.g. `qcow2`. Null: by the file's extension. Never guessed from its
/// content.
/// </param>
public sealed record ReplicaVolume(ushort Index, string Name, long SizeBytes, string? SeedFile = null,
    string? TargetDisk = null, string? SeedFormat = null)
{
    /// <summary>Of the seed's instance when it was copied, see <see cref="Sites.SiteInstance.Stint"/>; nothing to the
    /// agent.</summary>
    public string? SeedStint { get; init; }
}
