// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection.Instances;
using Lifeboat.Sites.OpenStack.Compute;

namespace Lifeboat.Sites.OpenStack.Describing;

/// <summary>Makes the description of a server from what the services say. Pure: it asks nobody.</summary>
internal static partial class ServerDescriber
{
    private const long GiB = 1L << 30;
    private static readonly string[] HardwarePrefixes = ["hw_", "os_", "img_"];
    private static readonly string[] HardwareNames = ["architecture", "hypervisor_type", "vm_mode"];

    /// <param name="name">The instance's name.</param>
    public static InstanceDescription Describe(string name, ServerFacts facts, CloudInventory project)
    {
        var untold = new List<string>();
        var disks = Disks(facts, untold);
        var hardware = Hardware(facts, untold);
        var (ports, networks) = Ports(facts, project);
        var server = facts.Server;
        var cloud = new CloudServer
        {
            Format = CloudServer.CurrentFormat,
            ServerId = server.Id,
            ServerName = server.Name,
            Flavor = new CloudFlavor(server.Flavor.OriginalName, server.Flavor.Vcpus, server.Flavor.Ram,
                server.Flavor.Disk, server.Flavor.Ephemeral, server.Flavor.Swap)
            {
                ExtraSpecs = server.Flavor.ExtraSpecs ?? new Dictionary<string, string>(),
            },
            Image = facts.Image is { } image ? new CloudImage(image.Name ?? image.Id,
                image.OsHashValue is null ? null : $"{image.OsHashAlgo}:{image.OsHashValue}", image.Size) : null,
            HardwareProperties = hardware,
            Disks = disks,
            Ports = ports,
            Networks = networks,
            SecurityGroups = SecurityGroups(facts, project, untold),
            Keypair = Keypair(server, project, untold),
            ServerGroup = ServerGroup(server, project),
            Metadata = (server.Metadata ?? new Dictionary<string, string>()).Where(m => !IsOurs(m.Key))
                .ToDictionary(StringComparer.Ordinal),
            Tags = [.. (server.Tags ?? []).Where(t => !IsOurs(t))],
            UserData = UserData(server, untold),
            ConfigDrive = server.ConfigDrive is { Length: > 0 } drive
                && drive.Equals("true", StringComparison.OrdinalIgnoreCase),
            AvailabilityZone = server.AvailabilityZone is { Length: > 0 } zone ? zone : null,
            Hostname = server.Hostname,
            Note = server.Description,
            Quotas = Quotas(project),
            Untold = untold,
        };
        return Instance(name, facts, cloud);
    }

    // Marks that are of this cloud's server alone.
    private static bool IsOurs(string key) => key.StartsWith("lifeboat-", StringComparison.Ordinal);

    // What any site needs to run it, also one that is no cloud.
    private static InstanceDescription Instance(string name, ServerFacts facts, CloudServer cloud)
    {
        var hardware = cloud.HardwareProperties;
        var bus = hardware.GetValueOrDefault("hw_disk_bus", "virtio");
        return new InstanceDescription
        {
            Name = name,
            Cpus = cloud.Flavor.Vcpus,
            MemoryMiB = cloud.Flavor.MemoryMiB,
            Machine = hardware.GetValueOrDefault("hw_machine_type", "pc"),
            Uefi = hardware.GetValueOrDefault("hw_firmware_type") == "uefi",
            Disks = [.. cloud.Disks.Select((d, i) =>
                new InstanceDisk(d.Disk, bus, i, Math.Max(1, d.SizeGiB) * GiB, d.VolumeId))],
            Nics = [.. cloud.Ports.Select(p => new InstanceNic(p.Network,
                hardware.GetValueOrDefault("hw_vif_model", "virtio"), p.Mac,
                p.Addresses.FirstOrDefault(a => !a.Address.Contains(':'))?.Address))],
            GuestAgent = hardware.GetValueOrDefault("hw_qemu_guest_agent", "no")
                .Equals("yes", StringComparison.OrdinalIgnoreCase),
            Cloud = cloud,
        };
    }

    // The root disk comes first: devices are named in the order in which they are plugged.
    private static List<CloudDisk> Disks(ServerFacts facts, List<string> untold)
    {
        var disks = new List<CloudDisk>();
        foreach (var attachment in facts.Attachments)
        {
            var volume = facts.Volumes.First(v => v.Id == attachment.VolumeId);
            disks.Add(new CloudDisk(Device(attachment.Device) ?? $"volume-{volume.Id}", volume.Id, volume.Name,
                volume.Size, volume.VolumeType, attachment.Tag)
            {
                Encrypted = volume.Encrypted,
                Shared = volume.Multiattach,
                DeleteWithServer = attachment.DeleteOnTermination,
                AvailabilityZone = volume.AvailabilityZone,
                Metadata = volume.Metadata ?? new Dictionary<string, string>(),
            });
        }
        if (facts.Server.ImageId is not null) disks.Add(LocalRoot(facts, untold));
        return [.. disks.OrderBy(d => d.Disk.Length).ThenBy(d => d.Disk, StringComparer.Ordinal)];
    }

    private static CloudDisk LocalRoot(ServerFacts facts, List<string> untold)
    {
        var flavor = facts.Server.Flavor;
        var size = flavor.Disk;
        if (size == 0)
        {
            var image = facts.Image?.VirtualSize ?? facts.Image?.Size ?? 0;
            size = Math.Max(facts.Image?.MinDisk ?? 0, (int)((image + GiB - 1) / GiB));
            if (facts.Image?.VirtualSize is null)
                untold.Add("the size of the root disk, which is as large as its image makes it");
        }
        if (flavor.Ephemeral > 0 || flavor.Swap > 0)
            untold.Add("the devices of the ephemeral and swap disks; they are made empty again");
        return new CloudDisk(Device(facts.Server.RootDeviceName) ?? "vda", null, null, size, null, null);
    }

    private static string? Device(string? device) => device is null ? null : device[(device.LastIndexOf('/') + 1)..];

    private static Dictionary<string, string> Hardware(ServerFacts facts, List<string> untold)
    {
        IReadOnlyDictionary<string, string>? all;
        if (facts.Server.ImageId is { } image)
        {
            all = facts.Image?.Properties;
            if (all is null) untold.Add($"properties of image {image}, which is gone");
        }
        else
        {
            var root = facts.Attachments.OrderBy(a => a.Device?.Length).ThenBy(a => a.Device, StringComparer.Ordinal)
                .Select(a => facts.Volumes.First(v => v.Id == a.VolumeId)).FirstOrDefault();
            all = root?.VolumeImageMetadata;
        }
        return (all ?? new Dictionary<string, string>()).Where(p => HardwareNames.Contains(p.Key)
                || HardwarePrefixes.Any(prefix => p.Key.StartsWith(prefix, StringComparison.Ordinal)))
            .OrderBy(p => p.Key, StringComparer.Ordinal).ToDictionary(StringComparer.Ordinal);
    }

    private static string? UserData(NovaServer server, List<string> untold)
    {
        // Nova tells administrators the host, and the user data with it.
        if (server.UserData is null && server.Host is null)
            untold.Add("user data (Nova tells it to administrators only)");
        return server.UserData;
    }

    private static CloudKeypair? Keypair(NovaServer server, CloudInventory project, List<string> untold)
    {
        if (server.KeyName is not { Length: > 0 } name) return null;
        var key = project.Keypairs.FirstOrDefault(k => k.Name == name);
        if (key is null) untold.Add($"key pair '{name}', which is another user's");
        return new CloudKeypair(name, key?.Type, key?.PublicKey);
    }

    private static CloudServerGroup? ServerGroup(NovaServer server, CloudInventory project) =>
        server.ServerGroups is [var id, ..] && project.ServerGroups.FirstOrDefault(g => g.Id == id) is { } group
            ? new CloudServerGroup(group.Name, group.Policy, group.Rules?.MaxServerPerHost) : null;

    private static Dictionary<string, CloudAllowance> Quotas(CloudInventory project)
    {
        var all = new Dictionary<string, CloudAllowance>(StringComparer.Ordinal);
        if (project.Limits is { } limits)
        {
            all["instances"] = new CloudAllowance(limits.MaxInstances, limits.InstancesUsed);
            all["cores"] = new CloudAllowance(limits.MaxCores, limits.CoresUsed);
            all["ram"] = new CloudAllowance(limits.MaxRamMiB, limits.RamUsedMiB);
        }
        foreach (var (name, quota) in project.VolumeQuotas) all[name] = new CloudAllowance(quota.Limit, quota.Used);
        foreach (var (name, quota) in project.NetworkQuotas ?? new Dictionary<string, Http.CloudQuota>())
            all[name] = new CloudAllowance(quota.Limit, quota.Used);
        return all;
    }
}
