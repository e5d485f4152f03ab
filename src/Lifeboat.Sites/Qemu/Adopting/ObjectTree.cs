// SPDX-License-Identifier: Apache-2.0
using System.Text.Json;
using System.Text.Json.Nodes;
using Lifeboat.Qemu;

namespace Lifeboat.Sites.Qemu.Adopting;

/// <summary>QEMU's object tree, read only: devices by path, their properties. What an object lacks reads as
/// null.</summary>
internal sealed class ObjectTree(QmpClient qmp)
{
    private static readonly string[] DeviceFolders =
        ["/machine/peripheral", "/machine/peripheral-anon", "/machine/unattached"];

    public Task<JsonElement> QueryAsync(string command, CancellationToken ct) => qmp.ExecuteAsync(command, null, ct);

    public async Task<JsonElement?> GetAsync(string path, string property, CancellationToken ct)
    {
        try
        {
            return await qmp.ExecuteAsync("qom-get", new JsonObject { ["path"] = path, ["property"] = property }, ct);
        }
        catch (QmpException e) when (e.Fault == QmpFault.Refused)
        {
            return null;
        }
    }

    public async Task<string> TextAsync(string path, string property, CancellationToken ct) =>
        await GetAsync(path, property, ct) is { ValueKind: JsonValueKind.String } text ? text.GetString()! : "";

    /// <summary>Every device, also those that QEMU made by itself for short options like `-hda` and `-nic`.</summary>
    public async Task<IReadOnlyList<TreeDevice>> DevicesAsync(CancellationToken ct)
    {
        var found = new List<TreeDevice>();
        foreach (var folder in DeviceFolders)
        {
            var children = await qmp.ExecuteAsync("qom-list", new JsonObject { ["path"] = folder }, ct);
            foreach (var child in children.EnumerateArray())
            {
                var type = child.GetProperty("type").GetString()!;
                if (!type.StartsWith("child<", StringComparison.Ordinal)) continue;
                var name = child.GetProperty("name").GetString()!;
                found.Add(new TreeDevice($"{folder}/{name}", type["child<".Length..^1]));
            }
        }
        return found;
    }

    /// <summary>The PCI slot and function a device sits on, itself or through its controllers; -1: on none.</summary>
    public async Task<int> PciAddressAsync(string device, CancellationToken ct)
    {
        for (var path = device; path.Length > "/machine".Length;)
        {
            if (await GetAsync(path, "addr", ct) is { ValueKind: JsonValueKind.Number } addr) return addr.GetInt32();
            var bus = await TextAsync(path, "parent_bus", ct);
            var next = bus.Length > 0 ? bus : path;
            path = next[..next.LastIndexOf('/')];
        }
        return -1;
    }
}

internal sealed record TreeDevice(string Path, string Type);
