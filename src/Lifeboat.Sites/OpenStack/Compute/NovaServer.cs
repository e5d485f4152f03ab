// SPDX-License-Identifier: Apache-2.0
using System.Text.Json;
using System.Text.Json.Serialization;
using Lifeboat.Sites.OpenStack.Http;

namespace Lifeboat.Sites.OpenStack.Compute;

/// <summary>A server, as Compute API 2.79 to 2.93 tells it (`GET /servers/detail`).</summary>
/// <param name="Status">`ACTIVE`, `SHUTOFF`, `BUILD`, `ERROR`, `DELETED`, ….</param>
/// <param name="Image">An object with `id`; an empty text when it boots from a volume.</param>
/// <param name="ConfigDrive">`True`, or empty.</param>
internal sealed record NovaServer(string Id, string Name, string Status, NovaServerFlavor Flavor,
    DateTimeOffset Created,
    JsonElement Image = default,
    string? Description = null,
    string? KeyName = null,
    string? ConfigDrive = null,
    bool Locked = false,
    IReadOnlyDictionary<string, string>? Metadata = null,
    IReadOnlyList<string>? Tags = null,
    IReadOnlyList<string>? ServerGroups = null,
    IReadOnlyList<string>? TrustedImageCertificates = null,
    NovaFault? Fault = null)
{
    /// <summary>0 none, 1 running, 3 paused, 4 shut down, 6 crashed, 7 suspended.</summary>
    [JsonPropertyName("OS-EXT-STS:power_state")]
    public int PowerState { get; init; }
    /// <summary>Of the host and the project, one way; empty: no host ever had it.</summary>
    [JsonPropertyName("hostId")]
    public string? HostId { get; init; }
    [JsonPropertyName("OS-EXT-STS:task_state")]
    public string? TaskState { get; init; }
    /// <summary>Null: it never ran.</summary>
    [JsonPropertyName("OS-SRV-USG:launched_at")]
    public string? LaunchedAt { get; init; }
    [JsonPropertyName("OS-EXT-AZ:availability_zone")]
    public string? AvailabilityZone { get; init; }
    /// <summary>From 2.90 on for everybody.</summary>
    [JsonPropertyName("OS-EXT-SRV-ATTR:hostname")]
    public string? Hostname { get; init; }
    /// <summary>Base64; told to administrators only.</summary>
    [JsonPropertyName("OS-EXT-SRV-ATTR:user_data")]
    public string? UserData { get; init; }
    /// <summary>Told to administrators only, as the next ones.</summary>
    [JsonPropertyName("OS-EXT-SRV-ATTR:root_device_name")]
    public string? RootDeviceName { get; init; }
    [JsonPropertyName("OS-EXT-SRV-ATTR:host")]
    public string? Host { get; init; }
    /// <summary>libvirt's name of the domain.</summary>
    [JsonPropertyName("OS-EXT-SRV-ATTR:instance_name")]
    public string? DomainName { get; init; }

    [JsonIgnore]
    public string? ImageId => Image.ValueKind is JsonValueKind.Object && Image.TryGetProperty("id", out var id)
        ? id.GetString() : null;
}

/// <summary>The flavor as it was when the server was built (embedded since 2.47): it may be gone by now.</summary>
/// <param name="Ram">MiB.</param>
/// <param name="Disk">GiB; 0: as large as the image.</param>
/// <param name="Ephemeral">GiB.</param>
/// <param name="Swap">MiB.</param>
/// <param name="ExtraSpecs">Left out where a policy says so.</param>
internal sealed record NovaServerFlavor(string OriginalName, int Vcpus, int Ram, int Disk, int Ephemeral = 0,
    int Swap = 0, IReadOnlyDictionary<string, string>? ExtraSpecs = null);

/// <param name="Details">Told to administrators, and to everybody for some faults.</param>
internal sealed record NovaFault(int Code, string Message, string? Details = null);

internal sealed record ServerAnswer(NovaServer Server);

internal sealed record ConsoleAnswer(string Output);

internal sealed record ServerPage(IReadOnlyList<NovaServer> Servers, IReadOnlyList<PageLink>? ServersLinks = null)
    : ICloudPage<NovaServer>
{
    [JsonIgnore]
    public IReadOnlyList<NovaServer> Items => Servers;
    [JsonIgnore]
    public string? Next => PageLink.Next(ServersLinks);
}

/// <summary>A volume in a server. From 2.89 on the volume's id is the only one.</summary>
internal sealed record NovaAttachment(
    [property: JsonPropertyName("volumeId")] string VolumeId,
    string? Device = null,
    string? Tag = null,
    bool DeleteOnTermination = false);

internal sealed record AttachmentPage(
    [property: JsonPropertyName("volumeAttachments")] IReadOnlyList<NovaAttachment> VolumeAttachments);

/// <summary>What was done with a server, newest first.</summary>
internal sealed record NovaAction(string Action, string RequestId, string? Message = null,
    IReadOnlyList<NovaActionEvent>? Events = null);

/// <param name="Result">`Success` or `Error`; null: it goes on.</param>
/// <param name="Details">Since 2.84: what to tell the user of a fault.</param>
/// <param name="StartTime">UTC, written without a zone, as the next one.</param>
internal sealed record NovaActionEvent(string Event, string? Result = null, string? Details = null,
    DateTime? StartTime = null, DateTime? FinishTime = null);

internal sealed record ActionPage(
    [property: JsonPropertyName("instanceActions")] IReadOnlyList<NovaAction> InstanceActions);

internal sealed record ActionAnswer([property: JsonPropertyName("instanceAction")] NovaAction InstanceAction);
