// SPDX-License-Identifier: Apache-2.0
using System.Text.Json;
using Lifeboat.Protection;
using Lifeboat.Protection.Instances;
using Lifeboat.Qemu;
using Lifeboat.Sites.Qemu.Instances;

namespace Lifeboat.Sites.Qemu.Adopting;

/// <summary>
/// The disks of a running QEMU, in the order in which its guest finds them (boot index, then PCI address). Media that
/// the guest cannot write to (CD-ROM, read-only drives) and floppies are no disks to protect and are left out.
/// </summary>
/// <param name="absolute">Makes a path of that process absolute.</param>
internal sealed class DiskReader(ObjectTree tree, string instance, Func<string, string> absolute)
{
    public bool HasFirmwareFlash { get; private set; }

    public async Task<IReadOnlyList<ReadDisk>> ReadAsync(CancellationToken ct)
    {
        var found = new List<Found>();
        foreach (var entry in (await tree.QueryAsync("query-block", ct)).EnumerateArray())
        {
            if (IsFlash(entry)) HasFirmwareFlash = true;
            else if (await FindAsync(entry, ct) is { } disk) found.Add(disk);
        }
        if (found.FirstOrDefault(d => d.Bus.Length == 0) is { } strange)
            throw new SiteException(SiteFault.Refused,
                $"{instance}: the writable disk '{strange.Qdev}' {Unknown(strange)}. "
                + "Leaving it out would protect half of the instance");
        if (found.Count == 0)
            throw new SiteException(SiteFault.Refused,
                $"{instance} has no writable disk, so there is nothing to protect");

        var names = new HashSet<string>(StringComparer.Ordinal);
        var ordered = found.OrderBy(f => f.BootIndex < 0 ? int.MaxValue : f.BootIndex)
            .ThenBy(f => f.PciAddress).ThenBy(f => f.Unit);
        return [.. ordered.Select((f, order) => Finish(f, order, names))];
    }

    /// <summary>The disks that QEMU has besides those known; one of an unknown kind has a problem.</summary>
    /// <param name="firstOrder">Place of the first of them in the instance.</param>
    public async Task<IReadOnlyList<ReadDisk>> ReadPluggedAsync(
        IReadOnlyList<DiskRecord> known, int firstOrder, CancellationToken ct)
    {
        var names = known.Select(d => d.Name).ToHashSet(StringComparer.Ordinal);
        var plugged = new List<ReadDisk>();
        foreach (var entry in (await tree.QueryAsync("query-block", ct)).EnumerateArray())
        {
            if (known.Any(d => IsNamed(entry, d.Device)) || await FindAsync(entry, ct) is not { } disk) continue;
            var read = Finish(disk, firstOrder + plugged.Count, names);
            plugged.Add(disk.Bus.Length > 0 ? read : read with { Problem = Unknown(disk) });
        }
        return plugged;
    }

    // As the agent finds a device: by the name of its drive, its id, or a path that has the id in it.
    private static bool IsNamed(JsonElement entry, string device) => device.Length > 0
        && (Text(entry, "device") == device || Text(entry, "qdev") is var qdev && (qdev == device
            || qdev.Split('/', StringSplitOptions.RemoveEmptyEntries).Contains(device, StringComparer.Ordinal)));

    private static string Unknown(Found disk) =>
        $"is a '{disk.Type}'; known are virtio-blk, scsi-hd, ide-hd, nvme";

    private async Task<Found?> FindAsync(JsonElement entry, CancellationToken ct)
    {
        var qdev = Text(entry, "qdev");
        if (qdev.Length == 0 || !entry.TryGetProperty("inserted", out var inserted)
            || inserted.GetProperty("ro").GetBoolean() || IsFlash(entry)) return null;
        var path = qdev.StartsWith('/') ? qdev : "/machine/peripheral/" + qdev;
        const string backend = "/virtio-backend";
        if (path.EndsWith(backend, StringComparison.Ordinal)) path = path[..^backend.Length];
        var type = await tree.TextAsync(path, "type", ct);
        if (type is "floppy" or "ide-cd" or "scsi-cd") return null;
        var bus = type.StartsWith("virtio-blk", StringComparison.Ordinal) ? "virtio" : type switch
        {
            "scsi-hd" or "scsi-block" => "scsi",
            "ide-hd" => "ide",
            "nvme" or "nvme-ns" => "nvme",
            _ => "",
        };
        var unit = await NumberAsync(path, "scsi-id", ct) is var target and >= 0
            ? target * 256 + Math.Max(0, await NumberAsync(path, "lun", ct))
            : Math.Max(0, await NumberAsync(path, "unit", ct));
        var image = inserted.GetProperty("image");
        return new Found(Text(entry, "device"), qdev, path, type, bus, await NumberAsync(path, "bootindex", ct),
            await tree.PciAddressAsync(path, ct), unit, await tree.TextAsync(path, "serial", ct),
            image.GetProperty("virtual-size").GetInt64(), ImageSource.Read(Text(image, "filename")),
            Text(inserted, "drv"));
    }

    private ReadDisk Finish(Found disk, int order, HashSet<string> taken)
    {
        // The name its user gave it, if any; else the name of its drive; else its place.
        var id = disk.Path.StartsWith("/machine/peripheral/", StringComparison.Ordinal)
            ? disk.Path["/machine/peripheral/".Length..] : disk.Drive;
        var name = Clean(id);
        if (!EntityName.IsValid(name) || !taken.Add(name))
            for (var n = order; !taken.Add(name = $"disk{n}");) n++;
        var device = disk.Drive.Length > 0 ? disk.Drive : disk.Qdev;
        return new ReadDisk(
            new InstanceDisk(name, disk.Bus, order, disk.SizeBytes, disk.Serial.Length > 0 ? disk.Serial : null),
            new DiskRecord(name, DiskPlace.File, FileOf(disk.Image), disk.Format, null, null, disk.SizeBytes, device),
            disk.Image.Name);
    }

    private async Task<int> NumberAsync(string path, string property, CancellationToken ct) =>
        await tree.GetAsync(path, property, ct) is { ValueKind: JsonValueKind.Number } number
            && number.TryGetInt32(out var value) ? value : -1;

    private string? FileOf(ImageSource image)
    {
        if (image is not { Driver: null or "file" or "host_device", Name.Length: > 0 }) return null;
        var path = absolute(image.Name);
        return File.Exists(path) ? path : null;
    }

    private static bool IsFlash(JsonElement entry) =>
        Text(entry, "qdev").StartsWith("/machine/system.flash", StringComparison.Ordinal)
        || Text(entry, "device").StartsWith("pflash", StringComparison.Ordinal);

    private static string Clean(string id) => string.Concat(
        id.ToLowerInvariant().Select(c => char.IsAsciiLetterOrDigit(c) ? c : '-')).Trim('-');

    private static string Text(JsonElement element, string property) =>
        element.TryGetProperty(property, out var value) && value.ValueKind == JsonValueKind.String
            ? value.GetString()! : "";

    private sealed record Found(string Drive, string Qdev, string Path, string Type, string Bus, int BootIndex,
        int PciAddress, int Unit, string Serial, long SizeBytes, ImageSource Image, string Format);
}
