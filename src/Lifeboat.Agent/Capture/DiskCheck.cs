// SPDX-License-Identifier: Apache-2.0
using System.Text.Json;
using System.Text.Json.Nodes;
using Lifeboat.Contracts.Agents;
using Lifeboat.Qemu;
using Lifeboat.Replication.Capture;

namespace Lifeboat.Agent.Capture;

/// <summary>
/// Whether the disk under a device's name is the one that is meant. libvirt gives names by places, and a cloud starts a
/// server with another disk in a place: a rescue image where the root was, a new volume where one was taken out.
/// </summary>
internal static class DiskCheck
{
    /// <exception cref="TapException">Refused: it is another one.</exception>
    public static async Task ThrowIfOtherAsync(QmpClient qmp, SourceVolume volume, CancellationToken ct)
    {
        if (volume.Identity is null) return;
        var named = await qmp.ListAsync("query-block", null,
            e => BlockNode.NamesOf(e).Contains(volume.Device, StringComparer.Ordinal) ? e.Clone() : (JsonElement?)null,
            ct);
        // Whoever wants it says that it is missing.
        if (named.Find(e => e is not null) is { } entry) await ThrowIfOtherAsync(qmp, volume, entry, ct);
    }

    private static async Task ThrowIfOtherAsync(QmpClient qmp, SourceVolume volume, JsonElement entry,
        CancellationToken ct)
    {
        var (serial, image) = (volume.Identity!.Serial, volume.Identity.Image);
        // Without one it is another disk too: in a rescue the root stands where a volume was.
        if (serial is not null && await SerialAsync(qmp, entry, ct) is { } there && there != serial)
            throw Other(volume, $"the disk with serial '{there}', not '{serial}'");
        if (image is not null && entry.TryGetProperty("inserted", out var inserted)
            && ImageSource.Read(inserted.GetProperty("image").GetProperty("filename").GetString()!).Name is
                { Length: > 0 } file && file != image)
            throw Other(volume, $"{file}, not {image}");
    }

    /// <returns>Empty: it was given none; null: this kind of device has none.</returns>
    private static async Task<string?> SerialAsync(QmpClient qmp, JsonElement entry, CancellationToken ct)
    {
        const string backend = "/virtio-backend";
        if (!entry.TryGetProperty("qdev", out var qdev) || qdev.GetString() is not { Length: > 0 } path) return null;
        if (path.EndsWith(backend, StringComparison.Ordinal)) path = path[..^backend.Length];
        try
        {
            return (await qmp.ExecuteAsync("qom-get", new JsonObject
            {
                ["path"] = path.StartsWith('/') ? path : "/machine/peripheral/" + path, ["property"] = "serial",
            }, ct)).GetString() ?? "";
        }
        catch (QmpException e) when (e.Fault == QmpFault.Refused)
        {
            return null;
        }
    }

    private static TapException Other(SourceVolume volume, string what) => new(TapFault.Refused,
        $"in its place ({volume.Device}) is {what}; it is captured again once its own is back");
}
