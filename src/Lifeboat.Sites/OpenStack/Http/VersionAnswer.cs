// SPDX-License-Identifier: Apache-2.0
using System.Text.Json.Serialization;

namespace Lifeboat.Sites.OpenStack.Http;

/// <summary>
/// A service's version document: Nova's root tells `version`, Cinder's and Placement's `versions`; the newest
/// microversion is `version`, in Placement `max_version`.
/// </summary>
internal sealed record VersionAnswer(ApiVersion? Version, IReadOnlyList<ApiVersion>? Versions)
{
    /// <summary>The one with microversions; null: there is none.</summary>
    public ApiVersion? Newest => (Version is { } one ? [one] : Versions ?? [])
        .Where(v => v.Highest is not null && v.Lowest is not null).MaxBy(v => v.Highest);
}

internal sealed record ApiVersion(string? Id, string? Status, string? Version, string? MaxVersion, string? MinVersion)
{
    [JsonIgnore]
    public Microversion? Highest => Microversion.Parse(MaxVersion ?? Version);
    [JsonIgnore]
    public Microversion? Lowest => Microversion.Parse(MinVersion);
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(VersionAnswer))]
internal sealed partial class VersionJson : JsonSerializerContext;
