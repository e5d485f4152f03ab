// SPDX-License-Identifier: Apache-2.0
using System.Text.Json.Serialization;

namespace Lifeboat.Sites.OpenStack.Identity;

/// <summary>Identity API v3, `POST /v3/auth/tokens`.</summary>
internal sealed record TokenAnswer(TokenBody Token);

internal sealed record TokenBody(DateTimeOffset ExpiresAt, NamedThing User, NamedThing? Project = null,
    IReadOnlyList<NamedThing>? Roles = null, IReadOnlyList<CatalogEntry>? Catalog = null);

internal sealed record NamedThing(string Id, string Name);

internal sealed record CatalogEntry(string Type, IReadOnlyList<CatalogEndpoint> Endpoints);

internal sealed record CatalogEndpoint(string Interface, string Url, string? RegionId = null, string? Region = null);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    RespectNullableAnnotations = true, RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(TokenAnswer))]
internal sealed partial class KeystoneJson : JsonSerializerContext;
