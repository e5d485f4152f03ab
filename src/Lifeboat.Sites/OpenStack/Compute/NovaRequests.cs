// SPDX-License-Identifier: Apache-2.0
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;

namespace Lifeboat.Sites.OpenStack.Compute;

/// <summary>A server to be built from volumes and ports that are there already.</summary>
/// <param name="Networks">A list of ports, or the text `none`.</param>
/// <param name="UserData">Base64.</param>
internal sealed record NewServer(string Name, [property: JsonPropertyName("flavorRef")] string FlavorRef,
    JsonNode Networks, IReadOnlyList<NewBlockDevice> BlockDeviceMappingV2)
{
    /// <summary>Null: it boots from a volume.</summary>
    [JsonPropertyName("imageRef")]
    public string? ImageRef { get; init; }
    public IReadOnlyList<string>? Tags { get; init; }
    public IReadOnlyDictionary<string, string>? Metadata { get; init; }
    public string? KeyName { get; init; }
    public string? UserData { get; init; }
    public bool? ConfigDrive { get; init; }
    public string? AvailabilityZone { get; init; }
    /// <summary>From 2.90 on.</summary>
    public string? Hostname { get; init; }
    public string? Description { get; init; }
    /// <summary>Of ports that Nova makes itself.</summary>
    public IReadOnlyList<NewServerSecurity>? SecurityGroups { get; init; }
}

/// <param name="Name">Or the id.</param>
internal sealed record NewServerSecurity(string Name);

/// <param name="BootIndex">0 boots; -1 does not.</param>
/// <param name="VolumeSize">GiB of one that Nova makes.</param>
internal sealed record NewBlockDevice(int BootIndex, string Uuid, string SourceType, string DestinationType,
    bool DeleteOnTermination, string? DiskBus = null, string? DeviceType = null, string? Tag = null,
    int? VolumeSize = null);

internal sealed record SchedulerHints(string Group);

internal sealed record NewServerRequest(NewServer Server)
{
    [JsonPropertyName("os:scheduler_hints")]
    public SchedulerHints? Hints { get; init; }
}

internal sealed record NewServerAnswer(MadeServer Server);

internal sealed record MadeServer(string Id);

internal sealed record NewKeypairRequest(NewKeypair Keypair);

internal sealed record NewKeypair(string Name, string Type, string PublicKey);

internal sealed record NewServerGroupRequest(NewServerGroup ServerGroup);

internal sealed record NewServerGroup(string Name, string Policy, NovaGroupRules? Rules);
