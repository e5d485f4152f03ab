// SPDX-License-Identifier: Apache-2.0
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using Lifeboat.Sites.OpenStack.Http;

namespace Lifeboat.Sites.OpenStack.Images;

/// <summary>An image, as Image API v2 tells it: properties of its own are members beside the known ones.</summary>
/// <param name="MinDisk">GiB.</param>
/// <param name="MinRam">MiB.</param>
/// <param name="Size">Bytes, as stored.</param>
/// <param name="VirtualSize">Bytes of the disk that it makes; older clouds tell none.</param>
internal sealed record GlanceImage(string Id, string Status,
    string? Name = null,
    string? Visibility = null,
    string? DiskFormat = null,
    string? ContainerFormat = null,
    int MinDisk = 0,
    int MinRam = 0,
    long? Size = null,
    long? VirtualSize = null,
    string? OsHashAlgo = null,
    string? OsHashValue = null,
    string? Checksum = null,
    string? Owner = null,
    DateTimeOffset? CreatedAt = null)
{
    // Generated readers cannot fill one that is set in a constructor.
    [JsonExtensionData]
    public IDictionary<string, JsonElement>? Others { get; set; }

    /// <summary>What an image says of the guest's hardware and system (`hw_…`, `os_…`, `img_…`, …).</summary>
    [JsonIgnore]
    public IReadOnlyDictionary<string, string> Properties => (Others ?? new Dictionary<string, JsonElement>())
        .Where(p => p.Value.ValueKind is JsonValueKind.String && !IsGlances(p.Key))
        .ToDictionary(p => p.Key, p => p.Value.GetString()!, StringComparer.Ordinal);

    private static bool IsGlances(string name) => name is "self" or "file" or "schema" or "updated_at" or "locations"
        or "direct_url" or "stores" or "os_hidden" or "tags" or "protected";
}

internal sealed record ImagePage(IReadOnlyList<GlanceImage> Images, string? Next = null) : ICloudPage<GlanceImage>
{
    [JsonIgnore]
    public IReadOnlyList<GlanceImage> Items => Images;
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    RespectNullableAnnotations = true, RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(ImagePage))]
[JsonSerializable(typeof(GlanceImage))]
[JsonSerializable(typeof(JsonObject))]
internal sealed partial class GlanceJson : JsonSerializerContext;
