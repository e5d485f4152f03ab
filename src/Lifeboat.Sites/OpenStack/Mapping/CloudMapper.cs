// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection.Instances;
using Lifeboat.Sites.OpenStack.Describing;

namespace Lifeboat.Sites.OpenStack.Mapping;

/// <summary>
/// Proposes what servers of another cloud become here, and tells every gap before anything is made. Pure: the inventory
/// is what the cloud said.
/// </summary>
internal static class CloudMapper
{
    /// <summary>All servers that a plan builds together: they share quotas, and what is made for one is there for the
    /// others.</summary>
    /// <param name="isolated">As copies in a bubble: on networks of their own, with nothing else around them.</param>
    public static PlanMapping Map(IReadOnlyList<InstanceDescription> servers, CloudInventory cloud, RecoveryMap told,
        bool isolated = false)
    {
        var needs = new Needs();
        var mapped = new List<ServerMapping>();
        foreach (var server in servers)
        {
            needs.Who = server.Name;
            mapped.Add(new ServerMapper(server, cloud, told, needs, isolated).Map());
            if (cloud.Held.TryGetValue(server.Name, out var held)) needs.Has(held);
        }
        if (cloud.Appliance is { } appliance) needs.Appliance(appliance);
        return new PlanMapping(mapped,
            [.. SiteFit.Said(mapped.SelectMany(m => m.Gaps.Select(g => (m.Instance, g)))), .. needs.Gaps(cloud)],
            needs.Pools)
        {
            Quotas = needs.Quotas,
        };
    }

    /// <summary>An instance of a site that is no cloud, as if it were a server of one.</summary>
    public static CloudServer AsServer(InstanceDescription description) => description.Cloud ?? new CloudServer
    {
        Format = CloudServer.CurrentFormat,
        ServerId = "",
        ServerName = description.Name,
        Flavor = new CloudFlavor("", description.Cpus, description.MemoryMiB, 0, 0, 0),
        HardwareProperties = Hardware(description),
        Disks = [.. description.Disks.OrderBy(d => d.Order).Select(d => new CloudDisk(d.Name, null, null,
            GiB(d.SizeBytes), null, null))],
        Ports = [.. description.Nics.Select(n => new CloudPort(n.Network, n.Mac,
            n.Address is null ? [] : [new CloudAddress(n.Address, "")], []))],
        Networks = [.. description.Nics.Select(n => n.Network).Distinct(StringComparer.Ordinal)
            .Select(n => new CloudNetwork(n, Own: false, []))],
    };

    /// <summary>Clouds count whole GiB; less would cut a disk off.</summary>
    public static int GiB(long bytes) => (int)Math.Max(1, (bytes + (1L << 30) - 1) >> 30);

    private static Dictionary<string, string> Hardware(InstanceDescription description)
    {
        var properties = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["hw_machine_type"] = description.Machine,
            ["hw_qemu_guest_agent"] = description.GuestAgent ? "yes" : "no",
        };
        if (description.Uefi) properties["hw_firmware_type"] = "uefi";
        if (description.Disks.Count > 0) properties["hw_disk_bus"] = description.Disks[0].Bus;
        if (description.Nics.Count > 0) properties["hw_vif_model"] = description.Nics[0].Model;
        return properties;
    }
}
