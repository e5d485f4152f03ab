// SPDX-License-Identifier: Apache-2.0
using System.Globalization;
using Lifeboat.Contracts.Sites;
using Lifeboat.Protection.Instances;
using Lifeboat.Sites;

namespace Lifeboat.Testing.Sites;

// A cloud's volumes, by the rules of Cinder: a backup that others build on is not removed, an imported one has the id
// that it had, and whoever removes a backup removes it from the storage.
public sealed partial class SimulatedSite : IBacksUpVolumes
{
    private readonly SortedDictionary<string, CloudVolume> _volumes = new(StringComparer.Ordinal);
    private readonly SortedDictionary<string, string> _snapshots = new(StringComparer.Ordinal);
    private readonly SortedDictionary<string, CloudBackup> _backups = new(StringComparer.Ordinal);
    private int _lastVolume;

    public SimulatedBackupStorage BackupStorage { get; set; } = new();
    /// <summary>What keeps it from backing up.</summary>
    public IReadOnlyList<string> BackupGaps { get; set; } = [];
    public IReadOnlyList<string> RestoreGaps { get; set; } = [];
    public IReadOnlyCollection<string> SnapshotNames => _snapshots.Keys;
    /// <summary>Ids, with those that each builds on.</summary>
    public IReadOnlyDictionary<string, string?> Backups =>
        _backups.ToDictionary(b => b.Key, b => b.Value.Parent, StringComparer.Ordinal);

    /// <returns>Its id.</returns>
    public string PutVolume(string called, string content, params string[] users)
    {
        var id = string.Create(CultureInfo.InvariantCulture, $"{Name}-volume-{++_lastVolume}");
        _volumes[id] = new CloudVolume(called, content, users, null);
        return id;
    }

    public void WriteVolume(string id, string content) => _volumes[id] = _volumes[id] with { Content = content };

    public void UseVolume(string id, params string[] users) => _volumes[id] = _volumes[id] with { Users = users };

    public string? ContentOf(string id) => _volumes.GetValueOrDefault(id)?.Content;

    public Task<IReadOnlyList<SiteVolume>> VolumesAsync(CancellationToken ct) => CallAsync(nameof(VolumesAsync), "",
        () => (IReadOnlyList<SiteVolume>)[.. _volumes.Select(v => Describe(v.Key, v.Value))], ct);

    public Task<IReadOnlyList<string>> BackupGapsAsync(CancellationToken ct) => Task.FromResult(BackupGaps);

    public Task<IReadOnlyDictionary<string, string>> SnapshotAsync(string prefix,
        IReadOnlyDictionary<string, string> volumes, CancellationToken ct) =>
        CallAsync<IReadOnlyDictionary<string, string>>(nameof(SnapshotAsync), prefix, () =>
        {
            foreach (var (name, id) in volumes) _snapshots.TryAdd(prefix + name, _volumes[id].Content);
            return volumes.ToDictionary(v => v.Key, v => prefix + v.Key, StringComparer.Ordinal);
        }, ct);

    public Task RemoveSnapshotsAsync(string prefix, CancellationToken ct) =>
        CallAsync(nameof(RemoveSnapshotsAsync), prefix, () =>
        {
            foreach (var name in _snapshots.Keys.Where(n => n.StartsWith(prefix, StringComparison.Ordinal)).ToList())
                _snapshots.Remove(name);
            return true;
        }, ct);

    public Task<VolumeBackup> BackUpAsync(BackUpRequest request, CancellationToken ct) =>
        CallAsync(nameof(BackUpAsync), request.Volume, () =>
        {
            var known = _backups.FirstOrDefault(b => b.Value.Name == request.Name);
            var id = known.Key ?? "backup-of-" + request.SnapshotId;
            if (known.Key is null)
            {
                if (request.Parent is { } parent && !_backups.ContainsKey(parent))
                    throw new SiteException(SiteFault.Refused, $"{Name}: there is no backup {parent}");
                _backups[id] = new CloudBackup(request.Name, request.Parent);
                BackupStorage.Contents[id] = _snapshots[request.SnapshotId];
            }
            return new VolumeBackup(request.Volume, request.VolumeId, id, _backups[id].Parent, 1, "simulated", id,
                null);
        }, ct);

    public Task ImportAsync(VolumeBackup backup, CancellationToken ct) =>
        CallAsync(nameof(ImportAsync), backup.Volume, () =>
        {
            if (backup.Parent is { } parent && !_backups.ContainsKey(parent))
                throw new SiteException(SiteFault.Refused, $"{Name}: there is no backup {parent}");
            return _backups.TryAdd(backup.Id, new CloudBackup("", backup.Parent));
        }, ct);

    public Task RemoveBackupsAsync(string prefix, IReadOnlyCollection<string> ids, CancellationToken ct) =>
        CallAsync(nameof(RemoveBackupsAsync), prefix, () =>
        {
            foreach (var id in _backups.Where(b => ids.Contains(b.Key)
                || b.Value.Name.StartsWith(prefix, StringComparison.Ordinal)).Select(b => b.Key).Reverse().ToList())
            {
                if (_backups.Values.Any(b => b.Parent == id))
                    throw new SiteException(SiteFault.Refused, $"{Name}: incremental backups exist for {id}");
                _backups.Remove(id);
                BackupStorage.Contents.Remove(id);
            }
            return true;
        }, ct);

    public Task<SiteFit> RestoreFitAsync(IReadOnlyList<CloudDisk> volumes, CancellationToken ct) =>
        Task.FromResult(new SiteFit(RestoreGaps, []));

    public Task<SiteVolume> RestoreAsync(RestoreRequest request, CancellationToken ct) =>
        CallAsync(nameof(RestoreAsync), request.Mark.Volume, () =>
        {
            if (!BackupStorage.Contents.TryGetValue(request.Backup.Id, out var content)
                || !_backups.ContainsKey(request.Backup.Id))
                throw new SiteException(SiteFault.BuildFailed, $"{Name}: backup {request.Backup.Id} is not there");
            var same = _volumes.FirstOrDefault(v => v.Value.Mark is { } mark && mark with { Whole = false }
                == request.Mark with { Whole = false });
            var id = same.Key ?? PutVolume(request.Name, content);
            _volumes[id] = _volumes[id] with { Mark = request.Mark with { Whole = true } };
            return Describe(id, _volumes[id]);
        }, ct);

    public Task RemoveRestoredAsync(string tag, CancellationToken ct) =>
        CallAsync(nameof(RemoveRestoredAsync), tag, () =>
        {
            foreach (var id in _volumes.Where(v => v.Value.Mark?.Tag == tag).Select(v => v.Key).ToList())
                _volumes.Remove(id);
            return true;
        }, ct);

    private static SiteVolume Describe(string id, CloudVolume volume) => new(id, volume.Name, 1, "fast",
        volume.Users.Count == 0 ? "available" : "in-use", volume.Users) { Restored = volume.Mark };

    private sealed record CloudVolume(string Name, string Content, IReadOnlyList<string> Users, RestoredMark? Mark);

    /// <param name="Name">Empty: it was imported.</param>
    private sealed record CloudBackup(string Name, string? Parent);
}
