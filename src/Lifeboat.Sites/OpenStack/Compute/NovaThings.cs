// SPDX-License-Identifier: Apache-2.0
using System.Text.Json.Serialization;
using Lifeboat.Sites.OpenStack.Http;

namespace Lifeboat.Sites.OpenStack.Compute;

/// <param name="Ram">MiB.</param>
/// <param name="Disk">GiB.</param>
/// <param name="Ephemeral">GiB.</param>
/// <param name="Swap">MiB.</param>
internal sealed record NovaFlavor(string Id, string Name, int Vcpus, int Ram, int Disk, int Swap = 0,
    IReadOnlyDictionary<string, string>? ExtraSpecs = null)
{
    [JsonPropertyName("OS-FLV-EXT-DATA:ephemeral")]
    public int Ephemeral { get; init; }
    [JsonPropertyName("OS-FLV-DISABLED:disabled")]
    public bool Disabled { get; init; }
}

internal sealed record FlavorPage(IReadOnlyList<NovaFlavor> Flavors, IReadOnlyList<PageLink>? FlavorsLinks = null)
    : ICloudPage<NovaFlavor>
{
    [JsonIgnore]
    public IReadOnlyList<NovaFlavor> Items => Flavors;
    [JsonIgnore]
    public string? Next => PageLink.Next(FlavorsLinks);
}

/// <summary>A key of the user who asks; other users' keys are not shown.</summary>
internal sealed record NovaKeypair(string Name, string PublicKey, string? Type = null);

internal sealed record KeypairAnswer(NovaKeypair Keypair);

internal sealed record KeypairPage(IReadOnlyList<KeypairAnswer> Keypairs,
    IReadOnlyList<PageLink>? KeypairsLinks = null) : ICloudPage<KeypairAnswer>
{
    [JsonIgnore]
    public IReadOnlyList<KeypairAnswer> Items => Keypairs;
    [JsonIgnore]
    public string? Next => PageLink.Next(KeypairsLinks);
}

/// <param name="Policy">`affinity`, `anti-affinity` and their soft kinds.</param>
internal sealed record NovaServerGroup(string Id, string Name, string Policy, NovaGroupRules? Rules = null);

internal sealed record NovaGroupRules(int? MaxServerPerHost = null);

internal sealed record ServerGroupAnswer(NovaServerGroup ServerGroup);

internal sealed record ServerGroupPage(IReadOnlyList<NovaServerGroup> ServerGroups);

/// <summary>Of the project; -1: no limit.</summary>
internal sealed record NovaLimits(
    [property: JsonPropertyName("maxTotalInstances")] int MaxInstances,
    [property: JsonPropertyName("totalInstancesUsed")] int InstancesUsed,
    [property: JsonPropertyName("maxTotalCores")] int MaxCores,
    [property: JsonPropertyName("totalCoresUsed")] int CoresUsed,
    [property: JsonPropertyName("maxTotalRAMSize")] int MaxRamMiB,
    [property: JsonPropertyName("totalRAMUsed")] int RamUsedMiB);

internal sealed record LimitsAnswer(LimitsBody Limits);

internal sealed record LimitsBody(NovaLimits Absolute);

internal sealed record NovaZone(
    [property: JsonPropertyName("zoneName")] string Name,
    [property: JsonPropertyName("zoneState")] NovaZoneState State);

internal sealed record NovaZoneState(bool Available);

internal sealed record ZoneAnswer(
    [property: JsonPropertyName("availabilityZoneInfo")] IReadOnlyList<NovaZone> Zones);
