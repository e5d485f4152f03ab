// SPDX-License-Identifier: Apache-2.0
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using Lifeboat.Sites.OpenStack.Http;

namespace Lifeboat.Sites.OpenStack.BlockStorage;

/// <summary>A volume, as Block Storage API 3.59 to 3.70 tells it.</summary>
/// <param name="Size">GiB.</param>
/// <param name="Status">`creating`, `available`, `in-use`, `error`, ….</param>
/// <param name="Bootable">`true` or `false`, as text.</param>
/// <param name="VolumeImageMetadata">Properties of the image that it was made from.</param>
internal sealed record CinderVolume(string Id, int Size, string Status,
    string? Name = null,
    string? Description = null,
    string? Bootable = null,
    bool Encrypted = false,
    bool Multiattach = false,
    string? VolumeType = null,
    string? AvailabilityZone = null,
    DateTimeOffset? CreatedAt = null,
    IReadOnlyDictionary<string, string>? Metadata = null,
    IReadOnlyDictionary<string, string>? VolumeImageMetadata = null,
    IReadOnlyList<CinderAttachment>? Attachments = null,
    string? GroupId = null);

internal sealed record CinderAttachment(string? ServerId = null, string? Device = null);

internal sealed record VolumeAnswer(CinderVolume Volume);

internal sealed record VolumePage(IReadOnlyList<CinderVolume> Volumes, IReadOnlyList<PageLink>? VolumesLinks = null)
    : ICloudPage<CinderVolume>
{
    [JsonIgnore]
    public IReadOnlyList<CinderVolume> Items => Volumes;
    [JsonIgnore]
    public string? Next => PageLink.Next(VolumesLinks);
}

internal sealed record CinderVolumeType(string Id, string Name, string? Description = null,
    IReadOnlyDictionary<string, string>? ExtraSpecs = null);

internal sealed record VolumeTypePage(IReadOnlyList<CinderVolumeType> VolumeTypes,
    IReadOnlyList<PageLink>? VolumeTypeLinks = null) : ICloudPage<CinderVolumeType>
{
    [JsonIgnore]
    public IReadOnlyList<CinderVolumeType> Items => VolumeTypes;
    [JsonIgnore]
    public string? Next => PageLink.Next(VolumeTypeLinks);
}

internal sealed record VolumeTypeAnswer(CinderVolumeType VolumeType);

/// <summary>By resource (`volumes`, `gigabytes`, `gigabytes_TYPE`), and the project's id as a text.</summary>
internal sealed record QuotaSetAnswer(IReadOnlyDictionary<string, JsonElement> QuotaSet);

internal sealed record CinderZone(
    [property: JsonPropertyName("zoneName")] string Name,
    [property: JsonPropertyName("zoneState")] CinderZoneState State);

internal sealed record CinderZoneState(bool Available);

internal sealed record CinderZoneAnswer(
    [property: JsonPropertyName("availabilityZoneInfo")] IReadOnlyList<CinderZone> Zones);

/// <param name="Size">GiB.</param>
/// <param name="ImageRef">Id of the image that it begins with; null: it is empty.</param>
/// <param name="SourceVolid">Id of the volume that it begins as a copy of; null: it is empty.</param>
internal sealed record NewVolume(string Name, int Size, string? VolumeType = null, string? AvailabilityZone = null,
    string? Description = null, IReadOnlyDictionary<string, string>? Metadata = null,
    [property: JsonPropertyName("imageRef")] string? ImageRef = null, string? SourceVolid = null);

/// <param name="Size">GiB.</param>
/// <param name="Status">`creating`, `available`, `backing-up`, `error`, `deleting`, ….</param>
/// <param name="GroupSnapshotId">Of the snapshot of a group of Cinder's that it is part of.</param>
internal sealed record CinderSnapshot(string Id, string VolumeId, string Status, int Size, string? Name = null,
    DateTimeOffset? CreatedAt = null, IReadOnlyDictionary<string, string>? Metadata = null,
    string? GroupSnapshotId = null);

internal sealed record SnapshotPage(IReadOnlyList<CinderSnapshot> Snapshots,
    IReadOnlyList<PageLink>? SnapshotsLinks = null) : ICloudPage<CinderSnapshot>
{
    [JsonIgnore]
    public IReadOnlyList<CinderSnapshot> Items => Snapshots;
    [JsonIgnore]
    public string? Next => PageLink.Next(SnapshotsLinks);
}

internal sealed record SnapshotAnswer(CinderSnapshot Snapshot);

/// <param name="Force">Also of a volume in a server.</param>
internal sealed record NewSnapshot(string VolumeId, string Name, string? Description = null,
    IReadOnlyDictionary<string, string>? Metadata = null, bool? Force = null);

internal sealed record NewSnapshotRequest(NewSnapshot Snapshot);

internal sealed record NewVolumeRequest(NewVolume Volume);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull, RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(VolumeAnswer))]
[JsonSerializable(typeof(VolumePage))]
[JsonSerializable(typeof(VolumeTypePage))]
[JsonSerializable(typeof(VolumeTypeAnswer))]
[JsonSerializable(typeof(QuotaSetAnswer))]
[JsonSerializable(typeof(CinderZoneAnswer))]
[JsonSerializable(typeof(NewVolumeRequest))]
[JsonSerializable(typeof(SnapshotPage))]
[JsonSerializable(typeof(SnapshotAnswer))]
[JsonSerializable(typeof(NewSnapshotRequest))]
[JsonSerializable(typeof(JsonObject))]
internal sealed partial class CinderJson : JsonSerializerContext;
