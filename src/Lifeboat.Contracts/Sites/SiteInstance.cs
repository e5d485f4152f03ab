// SPDX-License-Identifier: Apache-2.0
using System.Text.Json.Serialization;
using Lifeboat.Contracts.Agents;
using Lifeboat.Protection.Instances;

namespace Lifeboat.Contracts.Sites;

public enum InstancePower { Running = 1, Paused = 2, ShutDown = 3, Stopped = 4 }

/// <summary>An instance as its site sees it now.</summary>
/// <param name="QmpSocket">Monitor that the agent may use for capture: a socket, or its domain at a libvirt.</param>
/// <param name="Disks">By disk name: where it is now and the device name under which the monitor knows it.</param>
public sealed record SiteInstance(string Name, InstancePower Power, bool Adopted, InstanceDescription Description,
    string QmpSocket, string? GuestAgentSocket, int? ProcessId, IReadOnlyList<SiteDisk> Disks)
{
    /// <summary>Where it runs: the agent of this host captures it.</summary>
    public string Host { get; init; } = AgentConfiguration.DefaultHost;
    /// <summary>
    /// Of an instance that is stopped, at a site that can start it again from the same disks with another content:
    /// another text whenever it may have written to them since. Null: the site cannot tell, or never writes over disks.
    /// </summary>
    public string? Stint { get; init; }
    /// <summary>Its guest was shut down by <c>ShutDownAsync</c> of the site, and was not started since.</summary>
    public bool LeftClean { get; init; }
}

/// <param name="Device">Name for `query-block` (device id or qdev path).</param>
/// <param name="File">The image when it can be read as one on this host, once the instance is stopped: the path of a
/// file, or of what is no file `json:` and its options, as QEMU takes both; else null.</param>
/// <param name="SizeBytes">Virtual size in bytes.</param>
/// <param name="Native">False while it still reads from a point-in-time view.</param>
public sealed record SiteDisk(string Name, string Device, string? File, string? Format, long SizeBytes, bool Native)
{
    /// <summary>Where another disk may come under the device's name; null: none does. Not told: it names files of
    /// hosts.</summary>
    [JsonIgnore]
    public DiskIdentity? Identity { get; init; }
}

/// <summary>A disk of a running instance that its site has no record of.</summary>
/// <param name="Problem">Why it cannot be protected; null: it can.</param>
public sealed record PluggedDisk(InstanceDisk Disk, string? Problem);

/// <param name="Name">The name it gets at this site.</param>
/// <param name="Host">The host it runs on; null: the one it was known to run on, else the default.</param>
public sealed record AdoptRequest(string Name, string QmpSocket, string? GuestAgentSocket, string? Host = null);

/// <param name="Tenant">Whose it is, to see it and to protect it; null: the site's.</param>
public sealed record GiveInstanceRequest(string? Tenant);

/// <param name="Host">Where a running instance is moved to.</param>
public sealed record MigrateRequest(string Host);
