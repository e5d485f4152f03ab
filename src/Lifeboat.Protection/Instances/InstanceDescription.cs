// SPDX-License-Identifier: Apache-2.0
using System.Text.Json.Serialization;

namespace Lifeboat.Protection.Instances;

/// <summary>
/// The VM as the other site needs it to build it again. Free of host paths except the boot files, which travel by
/// content.
/// </summary>
public sealed record InstanceDescription
{
    public required string Name { get; init; }
    public required int Cpus { get; init; }
    public required int MemoryMiB { get; init; }
    /// <summary>QEMU machine type, e.g. `q35` or `pc`.</summary>
    public string Machine { get; init; } = "q35";
    public string CpuModel { get; init; } = "max";
    /// <summary>Direct kernel boot; null when the instance boots from its first disk.</summary>
    public KernelBoot? Kernel { get; init; }
    public bool Uefi { get; init; }
    public required IReadOnlyList<InstanceDisk> Disks { get; init; }
    public IReadOnlyList<InstanceNic> Nics { get; init; } = [];
    /// <summary>Extra virtio-serial ports, connected at the production site only, never in a bubble.</summary>
    public IReadOnlyList<InstanceChannel> Channels { get; init; } = [];
    public bool GuestAgent { get; init; }
    /// <summary>What it is in a cloud; null: it is no cloud's server.</summary>
    public CloudServer? Cloud { get; init; }
    /// <summary>Of a volume-only member, which is no instance: its disks in their cloud.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<CloudDisk>? CloudVolumes { get; init; }
}

/// <param name="KernelFile">Path at the site that holds the description; the controllers carry the content
/// over.</param>
public sealed record KernelBoot(string KernelFile, string? InitrdFile, string CommandLine);

/// <param name="Name">Unique in the instance, e.g. `vda` or the QEMU device id.</param>
/// <param name="Bus">`virtio`, `scsi`, `ide` or `nvme`.</param>
public sealed record InstanceDisk(string Name, string Bus, int Order, long SizeBytes, string? Serial);

/// <param name="Address">The IPv4 address it is expected to have; handed out by DHCP for this MAC. Null: any.</param>
public sealed record InstanceNic(string Network, string Model, string Mac, string? Address);

/// <param name="ConnectTo">Unix socket that QEMU connects to.</param>
public sealed record InstanceChannel(string PortName, string ConnectTo);
