// SPDX-License-Identifier: Apache-2.0
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using Lifeboat.Sites.OpenStack.Http;

namespace Lifeboat.Sites.OpenStack.BlockStorage;

/// <param name="Size">GiB, of the volume.</param>
/// <param name="Status">`creating`, `available`, `restoring`, `deleting`, `error`, …; left out in the answer of who is
/// asked to make one.</param>
internal sealed record CinderBackup(string Id, string Status = "creating", int? Size = null, string? Name = null,
    string? FailReason = null, string? VolumeId = null, bool IsIncremental = false, bool HasDependentBackups = false,
    DateTimeOffset? CreatedAt = null);

internal sealed record BackupAnswer(CinderBackup Backup);

internal sealed record BackupPage(IReadOnlyList<CinderBackup> Backups, IReadOnlyList<PageLink>? BackupsLinks = null)
    : ICloudPage<CinderBackup>
{
    [JsonIgnore]
    public IReadOnlyList<CinderBackup> Items => Backups;
    [JsonIgnore]
    public string? Next => PageLink.Next(BackupsLinks);
}

/// <param name="BackupService">The driver that made it.</param>
/// <param name="BackupUrl">Base64 of all that Cinder knows of it.</param>
internal sealed record CinderBackupRecord(string BackupService, string BackupUrl);

internal sealed record BackupRecordAnswer(
    [property: JsonPropertyName("backup-record")] CinderBackupRecord BackupRecord);

/// <param name="GroupType">Its id.</param>
internal sealed record CinderGroup(string Id, string Status, string? GroupType = null);

internal sealed record GroupAnswer(CinderGroup Group);

internal sealed record CinderGroupType(string Id, IReadOnlyDictionary<string, string>? GroupSpecs = null)
{
    /// <summary>Its snapshots are of one moment.</summary>
    [JsonIgnore]
    public bool IsConsistent => GroupSpecs?.GetValueOrDefault("consistent_group_snapshot_enabled") == "<is> True";
}

internal sealed record GroupTypeAnswer(CinderGroupType GroupType);

internal sealed record CinderGroupSnapshot(string Id, string Status = "creating", string? Name = null);

internal sealed record GroupSnapshotAnswer(CinderGroupSnapshot GroupSnapshot);

internal sealed record GroupSnapshotPage(IReadOnlyList<CinderGroupSnapshot> GroupSnapshots,
    IReadOnlyList<PageLink>? GroupSnapshotsLinks = null) : ICloudPage<CinderGroupSnapshot>
{
    [JsonIgnore]
    public IReadOnlyList<CinderGroupSnapshot> Items => GroupSnapshots;
    [JsonIgnore]
    public string? Next => PageLink.Next(GroupSnapshotsLinks);
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull, RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(BackupAnswer))]
[JsonSerializable(typeof(BackupPage))]
[JsonSerializable(typeof(BackupRecordAnswer))]
[JsonSerializable(typeof(GroupAnswer))]
[JsonSerializable(typeof(GroupTypeAnswer))]
[JsonSerializable(typeof(GroupSnapshotAnswer))]
[JsonSerializable(typeof(GroupSnapshotPage))]
[JsonSerializable(typeof(JsonObject))]
internal sealed partial class CinderBackupJson : JsonSerializerContext;
