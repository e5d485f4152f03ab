// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Sites.OpenStack.BlockStorage;
using Lifeboat.Sites.OpenStack.Describing;
using Lifeboat.Sites.OpenStack.Http;

namespace Lifeboat.Sites.OpenStack.Backups;

/// <summary>
/// Snapshots of volumes, of one moment where whoever asks holds their writers: all are asked for at once. Where the
/// volumes are one group of Cinder whose type promises consistent snapshots, Cinder makes them together.
/// </summary>
/// <param name="admin">Members are not told what a group type promises.</param>
internal sealed class VolumeSnapshots(CloudClients cloud, CloudSession? admin, BackupLimits limits,
    TimeProvider time)
{
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(300);

    /// <param name="volumes">Id by name.</param>
    /// <returns>Id of the snapshot by the same name.</returns>
    public async Task<IReadOnlyDictionary<string, string>> MakeAsync(string prefix,
        IReadOnlyDictionary<string, string> volumes, CancellationToken ct)
    {
        if (await GroupOfAsync(volumes.Values, ct) is { } group) return await TogetherAsync(prefix, group, volumes, ct);
        var made = await Task.WhenAll(volumes.Select(v => MakeAsync(prefix + v.Key, v.Value, ct)));
        var whole = await Task.WhenAll(made.Select(s => AvailableAsync(s.Id, ct)));
        return whole.ToDictionary(s => volumes.First(v => v.Value == s.VolumeId).Key, s => s.Id,
            StringComparer.Ordinal);
    }

    public async Task RemoveAsync(string prefix, CancellationToken ct)
    {
        foreach (var together in (await cloud.Cinder.GroupSnapshotsAsync(ct)).Where(s => s.Name == prefix))
            await RemoveTogetherAsync(together.Id, ct);
        var ours = (await cloud.Cinder.SnapshotsAsync(ct))
            .Where(s => s.Name?.StartsWith(prefix, StringComparison.Ordinal) is true).ToList();
        foreach (var snapshot in ours) await RemoveAsync(snapshot, ct);
    }

    private async Task<CinderSnapshot> MakeAsync(string name, string volume, CancellationToken ct) =>
        await MakeOnce.RunAsync(async c => (IReadOnlyList<CinderSnapshot>)
            [.. (await cloud.Cinder.SnapshotsAsync(c)).Where(s => s.Name == name && s.Status != "deleting")],
            c => cloud.Cinder.CreateSnapshotAsync(new NewSnapshot(volume, name, Force: true), c), RemoveAsync, time,
            ct);

    // All volumes of that group are snapshot, so it is to have ours and no more.
    private async Task<string?> GroupOfAsync(IEnumerable<string> volumes, CancellationToken ct)
    {
        var wanted = volumes.ToHashSet(StringComparer.Ordinal);
        var all = await cloud.Cinder.VolumesAsync(ct);
        var groups = all.Where(v => wanted.Contains(v.Id)).Select(v => v.GroupId).Distinct().ToList();
        if (groups is not [{ } group]) return null;
        if (all.Any(v => v.GroupId == group && !wanted.Contains(v.Id))) return null;
        var asks = admin is null ? cloud.Cinder : new CinderClient(admin);
        return await cloud.Cinder.FindGroupAsync(group, ct) is { GroupType: { } type }
            && await asks.FindGroupTypeAsync(type, ct) is { IsConsistent: true } ? group : null;
    }

    private async Task<IReadOnlyDictionary<string, string>> TogetherAsync(string prefix, string group,
        IReadOnlyDictionary<string, string> volumes, CancellationToken ct)
    {
        var made = await MakeOnce.RunAsync(async c => (IReadOnlyList<CinderGroupSnapshot>)
            [.. (await cloud.Cinder.GroupSnapshotsAsync(c)).Where(s => s.Name == prefix && s.Status != "deleting")],
            c => cloud.Cinder.CreateGroupSnapshotAsync(prefix, group, c),
            (s, c) => RemoveTogetherAsync(s.Id, c), time, ct);
        var start = time.GetTimestamp();
        while (true)
        {
            var parts = (await cloud.Cinder.SnapshotsAsync(ct)).Where(s => s.GroupSnapshotId == made.Id).ToList();
            if (parts.FirstOrDefault(s => IsFailed(s.Status)) is { } failed) throw Failed(failed);
            var whole = parts.Where(s => s.Status == "available").ToDictionary(s => s.VolumeId, s => s.Id);
            if (volumes.Values.All(whole.ContainsKey))
                return volumes.ToDictionary(v => v.Key, v => whole[v.Value], StringComparer.Ordinal);
            if (time.GetElapsedTime(start) >= limits.Thing)
                throw new CloudException(CloudFault.TooSlow, $"group snapshot {prefix} ({made.Id}) is not whole after "
                    + $"{limits.Thing.TotalSeconds:0} s");
            await Task.Delay(Look, time, ct);
        }
    }

    private async Task RemoveTogetherAsync(string id, CancellationToken ct)
    {
        var start = time.GetTimestamp();
        await cloud.Cinder.DeleteGroupSnapshotAsync(id, ct);
        while ((await cloud.Cinder.GroupSnapshotsAsync(ct)).Any(s => s.Id == id))
        {
            if (time.GetElapsedTime(start) >= limits.Thing)
                throw new CloudException(CloudFault.TooSlow, $"group snapshot {id} is still there "
                    + $"{limits.Thing.TotalSeconds:0} s after its removal");
            await Task.Delay(Look, time, ct);
        }
    }

    private async Task<CinderSnapshot> AvailableAsync(string id, CancellationToken ct)
    {
        var start = time.GetTimestamp();
        while (true)
        {
            var now = await cloud.Cinder.FindSnapshotAsync(id, ct) ?? throw new CloudException(CloudFault.NotFound,
                $"snapshot {id} is gone while it was waited for");
            if (now.Status is "available" or "backing-up") return now;
            if (IsFailed(now.Status)) throw Failed(now);
            if (time.GetElapsedTime(start) >= limits.Thing)
                throw new CloudException(CloudFault.TooSlow,
                    $"snapshot {now.Name} ({id}) is still {now.Status} after {limits.Thing.TotalSeconds:0} s");
            await Task.Delay(Look, time, ct);
        }
    }

    private async Task RemoveAsync(CinderSnapshot snapshot, CancellationToken ct)
    {
        var start = time.GetTimestamp();
        var asked = false;
        while (await cloud.Cinder.FindSnapshotAsync(snapshot.Id, ct) is { } left)
        {
            if (asked && left.Status == "error_deleting")
                throw new CloudException(CloudFault.ServiceFailed,
                    $"snapshot {left.Name} ({left.Id}) could not be removed: Cinder says {left.Status}");
            if (!asked && (left.Status == "available" || IsFailed(left.Status)))
            {
                await cloud.Cinder.DeleteSnapshotAsync(snapshot.Id, ct);
                asked = true;
            }
            if (time.GetElapsedTime(start) >= limits.Thing)
                throw new CloudException(CloudFault.TooSlow, $"snapshot {left.Name} ({left.Id}) is still {left.Status} "
                    + $"{limits.Thing.TotalSeconds:0} s after its removal");
            await Task.Delay(Look, time, ct);
        }
    }

    private static bool IsFailed(string status) => status.StartsWith("error", StringComparison.Ordinal);

    private static CloudException Failed(CinderSnapshot snapshot) => new(CloudFault.BuildFailed,
        $"snapshot {snapshot.Name} ({snapshot.Id}) is in {snapshot.Status}: Cinder could not make it");
}
