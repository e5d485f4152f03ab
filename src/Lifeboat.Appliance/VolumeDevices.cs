// SPDX-License-Identifier: Apache-2.0
using System.Text;

namespace Lifeboat.Appliance;

/// <summary>
/// The volumes that are in this server now, by their serial: clouds give a disk the first characters of its volume's id
/// for one (virtio), or all of it (SCSI).
/// </summary>
/// <param name="sys">Where sysfs is.</param>
/// <param name="dev">Where device nodes are.</param>
internal sealed class VolumeDevices(string sys, string dev)
{
    /// <summary>What virtio has room for. Names of exports are as long.</summary>
    public const int SerialLength = 20;

    private const int PageHeader = 4;

    /// <summary>Path of the device, by the first characters of its serial.</summary>
    public IReadOnlyDictionary<string, string> Find()
    {
        var found = new Dictionary<string, string>(StringComparer.Ordinal);
        var blocks = Path.Combine(sys, "block");
        if (!Directory.Exists(blocks)) return found;
        foreach (var block in Directory.EnumerateFileSystemEntries(blocks).Order(StringComparer.Ordinal))
            if (SerialOf(block) is { Length: >= SerialLength } serial)
                found.TryAdd(serial[..SerialLength], Path.Combine(dev, Path.GetFileName(block)));
        return found;
    }

    private static string? SerialOf(string block)
    {
        try
        {
            var virtio = Path.Combine(block, "serial");
            if (File.Exists(virtio)) return File.ReadAllText(virtio).Trim();
            // Page 0x80 of SCSI: unit serial number.
            var scsi = Path.Combine(block, "device", "vpd_pg80");
            return File.Exists(scsi) && File.ReadAllBytes(scsi) is { Length: > PageHeader } page
                ? Encoding.ASCII.GetString(page, PageHeader, page.Length - PageHeader).Trim('\0', ' ') : null;
        }
        catch (IOException)
        {
            return null; // taken out while it was looked at
        }
    }
}
