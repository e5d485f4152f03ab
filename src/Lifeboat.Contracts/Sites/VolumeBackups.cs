// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection;
using Lifeboat.Protection.RecoveryPoints;

namespace Lifeboat.Contracts.Sites;

/// <summary>A volume of a site's cloud, in a server or not.</summary>
/// <param name="SizeGiB">Whole GiB, as clouds count.</param>
/// <param name="Status">The cloud's word, e.g. `available`, `in-use`.</param>
/// <param name="Users">Instances that run and have it.</param>
public sealed record SiteVolume(string Id, string? Name, int SizeGiB, string? Type, string Status,
    IReadOnlyList<string> Users)
{
    public string? AvailabilityZone { get; init; }
    public bool Bootable { get; init; }
    public bool Encrypted { get; init; }
    /// <summary>It was restored by us; null: it is somebody's own.</summary>
    public RestoredMark? Restored { get; init; }
}

/// <summary>Written on a volume that was restored.</summary>
/// <param name="Volume">The name that the group has for it.</param>
/// <param name="Epoch">In which it became the group's volume; null: a copy of a drill.</param>
/// <param name="Tag">Of the run that made it.</param>
/// <param name="Whole">The backup is in it.</param>
public sealed record RestoredMark(string Group, string Volume, long? Epoch, string Tag, bool Whole);

/// <summary>Asks for the backup of one volume from a snapshot of it.</summary>
/// <param name="Name">Of the backup; looked for before one is made.</param>
/// <param name="Parent">The backup that it may hold the difference to; null: a full one.</param>
public sealed record BackUpRequest(string Name, string Volume, string VolumeId, string SnapshotId, string? Parent);

/// <summary>A backup of one volume, in the storage that both clouds reach; or what its mirrored image holds at one
/// point.</summary>
/// <param name="Volume">The name that the group has for the volume.</param>
/// <param name="Id">The same at both clouds.</param>
/// <param name="Parent">The backup that this is the difference to; null: it is full.</param>
/// <param name="Service">The driver that can read it, as the cloud calls it.</param>
/// <param name="Record">All that another cloud needs to know of it, as the cloud wrote it.</param>
/// <param name="StoredBytes">In the backup storage; of a mirrored image what differs from the point before; null: the
/// cloud does not tell.</param>
public sealed record VolumeBackup(string Volume, string VolumeId, string Id, string? Parent, int SizeGiB,
    string Service, string Record, long? StoredBytes);

/// <summary>Asks for a new volume with what a backup holds.</summary>
/// <param name="Disk">The volume as the group describes it; its type is mapped.</param>
/// <param name="Name">What people see in the cloud.</param>
/// <param name="Mark">Looked for before one is made.</param>
public sealed record RestoreRequest(VolumeBackup Backup, Protection.Instances.CloudDisk Disk, string Name,
    RestoredMark Mark);

/// <summary>How far a point of a group that is moved by backups is. Numbers are stored and never change.</summary>
public enum BackupPhase
{
    /// <summary>Due, or asked for; nothing is done yet.</summary>
    Asked = 1,
    /// <summary>Servers are brought to rest and snapshots made: cut short here, nothing of it can be used.</summary>
    Cutting = 2,
    /// <summary>The snapshots are of one moment, and are being backed up, or mirrored.</summary>
    Copying = 3,
    /// <summary>The backups are made, and the other site is being told of them; or looks whether it has them.</summary>
    Carrying = 4,
    /// <summary>Both clouds know it.</summary>
    Whole = 5,
    /// <summary>It is being removed at both sites.</summary>
    Leaving = 6,
    /// <summary>It did not come about. What was begun of it is being removed, or is gone.</summary>
    Failed = 7,
}

/// <summary>A point of a volume-only group: one backup of each of its volumes. Kept at both sites.</summary>
public sealed record BackupPoint
{
    public required string Group { get; init; }
    public required RecoveryPoint Point { get; init; }
    /// <summary>The site whose volumes were backed up.</summary>
    public required string Site { get; init; }
    public required BackupPhase Phase { get; init; }
    /// <summary>By the group's name of the volume: id of its snapshot, while there is one.</summary>
    public IReadOnlyDictionary<string, string> Snapshots { get; init; } = new Dictionary<string, string>();
    public IReadOnlyList<VolumeBackup> Backups { get; init; } = [];
    /// <summary>Why it is not whole, or waits.</summary>
    public ReasonCode Reason { get; init; }
    public string? Detail { get; init; }
    /// <summary>Of a failed one: nothing of it is left in the cloud.</summary>
    public bool Cleaned { get; init; }
    /// <summary>Names of what keeps it from being removed, at this site.</summary>
    public IReadOnlyList<string> Pins { get; init; } = [];
    /// <summary>How long guests were frozen for it; null: none was.</summary>
    public TimeSpan? Frozen { get; init; }
}
