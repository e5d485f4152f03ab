// SPDX-License-Identifier: Apache-2.0
using System.Text.Json;
using Lifeboat.Qemu;
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
            if (IsNamed(entry, device) && TopOf(entry) is { } top) return top;
        return null;
    }

    /// <summary>The same of one entry of `query-block`; null: it has no medium.</summary>
    public static string? TopOf(JsonElement entry) =>
        entry.TryGetProperty("inserted", out var inserted) ? inserted.GetProperty("node-name").GetString() : null;

    /// <summary>
    /// All names that stand for an entry of `query-block`: `-drive` devices have one; `-device` ones a qdev id, or a
    /// path like /machine/peripheral/vd0/virtio-backend.
    /// </summary>
    public static IEnumerable<string> NamesOf(JsonElement entry)
    {
        var qdev = Text(entry, "qdev");
        return new[] { Text(entry, "device"), qdev }.Where(n => n.Length > 0)
            .Concat(qdev.Split('/', StringSplitOptions.RemoveEmptyEntries));
    }

    /// <summary>The device's path in QEMU's object tree, or a name that stands for it.</summary>
    /// <exception cref="TapException">DiskNotFound: nothing of the guest's uses the disk.</exception>
    public static string PathOf(JsonElement queryBlock, string device)
    {
        foreach (var entry in queryBlock.EnumerateArray())
            if (IsNamed(entry, device) && Text(entry, "qdev") is { Length: > 0 } path) return path;
        throw new TapException(TapFault.DiskNotFound, $"no device of the guest uses '{device}'");
    }

    /// <summary>The top node of a device, asked of a QEMU of whose other disks nothing is kept.</summary>
    /// <exception cref="TapException">DiskNotFound: no such device, or no medium in it.</exception>
    public static async Task<BlockNode> FindAsync(QmpClient qmp, string device, CancellationToken ct)
    {
        var entries = await qmp.ListAsync("query-block", null,
            e => (Entry: IsNamed(e, device) ? e : (JsonElement?)null, Known: Describe(e)), ct);
        return entries.Find(e => e.Entry is not null).Entry is { } named
            ? Read(named, device) : throw Unknown(device, entries.Select(e => e.Known));
    }

    /// <exception cref="TapException">DiskNotFound: no such device, or no medium in it.</exception>
    public static BlockNode Find(JsonElement queryBlock, string device)
    {
        foreach (var entry in queryBlock.EnumerateArray())
            if (IsNamed(entry, device)) return Read(entry, device);
        throw Unknown(device, queryBlock.EnumerateArray().Select(Describe));
    }

    private static BlockNode Read(JsonElement entry, string device)
    {
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

    private static TapException Unknown(string device, IEnumerable<string> known) =>
        new(TapFault.DiskNotFound, $"no device '{device}'; there are: {string.Join(", ", known)}");

    private static bool IsNamed(JsonElement entry, string device) =>
        NamesOf(entry).Contains(device, StringComparer.Ordinal);

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
