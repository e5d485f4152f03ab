// SPDX-License-Identifier: Apache-2.0
using System.Text.Json;
using Lifeboat.Replication.Capture;

namespace Lifeboat.Agent.Capture;

/// <summary>The top node of a device, as `query-block` shows it.</summary>
/// <param name="StoredBytes">That its file takes; null: QEMU does not say.</param>
internal sealed record BlockNode(string Name, string Driver, long SizeBytes, IReadOnlyList<DirtyBitmap> Bitmaps,
    long? StoredBytes = null)
{
    /// <summary>The node that the device's requests go to first; null: there is no such device or no medium.</summary>
    public static string? TopOf(JsonElement queryBlock, string device)
    {
        foreach (var entry in queryBlock.EnumerateArray())
            if (IsNamed(entry, device) && entry.TryGetProperty("inserted", out var inserted))
                return inserted.GetProperty("node-name").GetString();
        return null;
    }

    /// <summary>The device's path in QEMU's object tree, or a name that stands for it.</summary>
    /// <exception cref="TapException">DiskNotFound: nothing of the guest's uses the disk.</exception>
    public static string PathOf(JsonElement queryBlock, string device)
    {
        foreach (var entry in queryBlock.EnumerateArray())
            if (IsNamed(entry, device) && Text(entry, "qdev") is { Length: > 0 } path) return path;
        throw new TapException(TapFault.DiskNotFound, $"no device of the guest uses '{device}'");
    }

    /// <exception cref="TapException">DiskNotFound: no such device, or no medium in it.</exception>
    public static BlockNode Find(JsonElement queryBlock, string device)
    {
        foreach (var entry in queryBlock.EnumerateArray())
        {
            if (!IsNamed(entry, device)) continue;
            if (!entry.TryGetProperty("inserted", out var inserted))
                throw new TapException(TapFault.DiskNotFound, $"device '{device}' has no medium");
            return new BlockNode(
                inserted.GetProperty("node-name").GetString()!,
                inserted.GetProperty("drv").GetString()!,
                inserted.GetProperty("image").GetProperty("virtual-size").GetInt64(),
                inserted.TryGetProperty("dirty-bitmaps", out var maps)
                    ? [.. maps.EnumerateArray().Select(DirtyBitmap.Read)]
                    : [],
                inserted.GetProperty("image").TryGetProperty("actual-size", out var stored)
                    ? stored.GetInt64() : null);
        }
        var known = queryBlock.EnumerateArray().Select(Describe);
        throw new TapException(TapFault.DiskNotFound, $"no device '{device}'; there are: {string.Join(", ", known)}");
    }

    // `-drive` devices have a name; `-device` ones a qdev id, or a path like /machine/peripheral/vd0/virtio-backend.
    private static bool IsNamed(JsonElement entry, string device)
    {
        var qdev = Text(entry, "qdev");
        return device.Length > 0 && (Text(entry, "device") == device || qdev == device
            || qdev.Split('/', StringSplitOptions.RemoveEmptyEntries).Contains(device, StringComparer.Ordinal));
    }

    /// <summary>What the device's image is, as QEMU puts it: a path, or `json:` and options.</summary>
    /// <exception cref="TapException">DiskNotFound: no such device, or no medium in it.</exception>
    public static string FileOf(JsonElement queryBlock, string device)
    {
        foreach (var entry in queryBlock.EnumerateArray())
            if (IsNamed(entry, device) && entry.TryGetProperty("inserted", out var inserted))
                return inserted.GetProperty("image").GetProperty("filename").GetString()!;
        throw new TapException(TapFault.DiskNotFound, $"no device '{device}' with a medium");
    }

    private static string Describe(JsonElement entry) =>
        Text(entry, "device") is { Length: > 0 } name ? name : Text(entry, "qdev");

    private static string Text(JsonElement entry, string name) =>
        entry.TryGetProperty(name, out var value) ? value.GetString() ?? "" : "";
}

/// <param name="Recording">Guest writes are noted in it now.</param>
/// <param name="Inconsistent">Left by a QEMU that was killed; can only be removed.</param>
/// <param name="Granularity">Bytes of the disk for each bit.</param>
internal sealed record DirtyBitmap(
    string Name, bool Recording, bool Busy, bool Inconsistent, long DirtyBytes, long Granularity)
{
    public static DirtyBitmap Read(JsonElement map) => new(
        map.TryGetProperty("name", out var name) ? name.GetString() ?? "" : "",
        map.GetProperty("recording").GetBoolean(),
        map.GetProperty("busy").GetBoolean(),
        map.TryGetProperty("inconsistent", out var bad) && bad.GetBoolean(),
        map.GetProperty("count").GetInt64(),
        map.GetProperty("granularity").GetInt64());
}
