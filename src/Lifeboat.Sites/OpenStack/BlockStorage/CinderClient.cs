// SPDX-License-Identifier: Apache-2.0
using System.Text.Json;
using System.Text.Json.Nodes;
using Lifeboat.Sites.OpenStack.Http;

namespace Lifeboat.Sites.OpenStack.BlockStorage;

/// <summary>The Block Storage API, as far as volumes are described and made.</summary>
internal sealed partial class CinderClient(CloudSession session)
{
    private static readonly CloudApi Cinder = CloudApi.BlockStorage;

    public Task<IReadOnlyList<CinderVolume>> VolumesAsync(CancellationToken ct) =>
        session.ListAsync<VolumePage, CinderVolume>(Cinder, "volumes/detail", CinderJson.Default.VolumePage, ct);

    /// <summary>Names are not unique.</summary>
    public Task<IReadOnlyList<CinderVolume>> VolumesAsync(string name, CancellationToken ct) =>
        session.ListAsync<VolumePage, CinderVolume>(Cinder, "volumes/detail?name=" + Uri.EscapeDataString(name),
            CinderJson.Default.VolumePage, ct);

    public async Task<CinderVolume?> FindVolumeAsync(string id, CancellationToken ct) =>
        (await session.FindAsync(Cinder, $"volumes/{Uri.EscapeDataString(id)}", CinderJson.Default.VolumeAnswer, ct))
            ?.Volume;

    public Task<IReadOnlyList<CinderVolumeType>> VolumeTypesAsync(CancellationToken ct) =>
        session.ListAsync<VolumeTypePage, CinderVolumeType>(Cinder, "types", CinderJson.Default.VolumeTypePage, ct);

    /// <summary>The type of a volume that names none; null: the cloud has none.</summary>
    public async Task<CinderVolumeType?> FindDefaultTypeAsync(CancellationToken ct) =>
        (await session.FindAsync(Cinder, "types/default", CinderJson.Default.VolumeTypeAnswer, ct))?.VolumeType;

    public async Task<IReadOnlyList<CinderZone>> ZonesAsync(CancellationToken ct) =>
        (await session.GetAsync(Cinder, "os-availability-zone", CinderJson.Default.CinderZoneAnswer, ct)).Zones;

    /// <summary>Limits and use of the project, by resource; also `gigabytes_TYPE` for each volume type.</summary>
    public async Task<IReadOnlyDictionary<string, CloudQuota>> QuotasAsync(CancellationToken ct)
    {
        var project = (await session.TokenAsync(ct)).ProjectId;
        var all = (await session.GetAsync(Cinder, $"os-quota-sets/{Uri.EscapeDataString(project)}?usage=true",
            CinderJson.Default.QuotaSetAnswer, ct)).QuotaSet;
        return all.Where(q => q.Value.ValueKind is JsonValueKind.Object)
            .ToDictionary(q => q.Key, q => CloudQuota.Read(q.Value, used: "in_use"), StringComparer.Ordinal);
    }

    /// <summary>One attempt to make a volume; whoever calls looks for it before (<see cref="MakeOnce"/>).</summary>
    public async Task<CinderVolume> CreateVolumeAsync(NewVolume volume, CancellationToken ct) =>
        (await session.PostAsync(Cinder, "volumes", new NewVolumeRequest(volume), CinderJson.Default.NewVolumeRequest,
            CinderJson.Default.VolumeAnswer, ct)).Volume;

    public Task SetBootableAsync(string volume, CancellationToken ct) => ActAsync(volume,
        new JsonObject { ["os-set_bootable"] = new JsonObject { ["bootable"] = true } }, ct);

    /// <summary>Properties that a server gets that boots from the volume, as if it came from an image that has
    /// them.</summary>
    public Task SetImageMetadataAsync(string volume, IReadOnlyDictionary<string, string> properties,
        CancellationToken ct)
    {
        var all = new JsonObject();
        foreach (var (key, value) in properties) all[key] = value;
        return ActAsync(volume, new JsonObject { ["os-set_image_metadata"] = new JsonObject { ["metadata"] = all } },
            ct);
    }

    /// <summary>Adds to what is written on a volume, or changes it; other keys stay.</summary>
    public Task SetMetadataAsync(string volume, string key, string value, CancellationToken ct) =>
        SetMetadataAsync(volume, [new(key, value)], ct);

    /// <summary>As above, several at once.</summary>
    public Task SetMetadataAsync(string volume, IEnumerable<KeyValuePair<string, string>> pairs, CancellationToken ct)
    {
        var all = new JsonObject();
        foreach (var (key, value) in pairs) all[key] = value;
        return session.ChangeAsync(Cinder, HttpMethod.Post, $"volumes/{Uri.EscapeDataString(volume)}/metadata",
            new JsonObject { ["metadata"] = all }, CinderJson.Default.JsonObject, ct);
    }

    public Task RemoveMetadataAsync(string volume, string key, CancellationToken ct) => session.DeleteAsync(Cinder,
        $"volumes/{Uri.EscapeDataString(volume)}/metadata/{Uri.EscapeDataString(key)}", ct);

    /// <summary>Makes a volume larger, also one in a server (from 3.42 on).</summary>
    public Task ExtendAsync(string volume, int gib, CancellationToken ct) => ActAsync(volume,
        new JsonObject { ["os-extend"] = new JsonObject { ["new_size"] = gib } }, ct);

    private Task ActAsync(string volume, JsonObject action, CancellationToken ct) => session.ChangeAsync(Cinder,
        HttpMethod.Post, $"volumes/{Uri.EscapeDataString(volume)}/action", action, CinderJson.Default.JsonObject, ct);

    public Task<IReadOnlyList<CinderSnapshot>> SnapshotsAsync(CancellationToken ct) =>
        session.ListAsync<SnapshotPage, CinderSnapshot>(Cinder, "snapshots/detail", CinderJson.Default.SnapshotPage,
            ct);

    public async Task<CinderSnapshot?> FindSnapshotAsync(string id, CancellationToken ct) => (await session.FindAsync(
        Cinder, $"snapshots/{Uri.EscapeDataString(id)}", CinderJson.Default.SnapshotAnswer, ct))?.Snapshot;

    /// <summary>One attempt; whoever calls looks for it before.</summary>
    public async Task<CinderSnapshot> CreateSnapshotAsync(NewSnapshot snapshot, CancellationToken ct) =>
        (await session.PostAsync(Cinder, "snapshots", new NewSnapshotRequest(snapshot),
            CinderJson.Default.NewSnapshotRequest, CinderJson.Default.SnapshotAnswer, ct)).Snapshot;

    public Task DeleteSnapshotAsync(string id, CancellationToken ct) =>
        session.DeleteAsync(Cinder, $"snapshots/{Uri.EscapeDataString(id)}", ct);

    public Task DeleteVolumeAsync(string id, CancellationToken ct) =>
        session.DeleteAsync(Cinder, $"volumes/{Uri.EscapeDataString(id)}", ct);
}
