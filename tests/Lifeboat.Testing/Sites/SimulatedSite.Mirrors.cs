// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Sites;
using Lifeboat.Sites;

namespace Lifeboat.Testing.Sites;

// A pool that is mirrored, by the rules of rbd-mirror: what is carried has the snapshots of before with it, a copy is
// removed when its primary is let go of, one that is promoted is nobody's copy any more, and nothing is made of a
// demoted one.
public sealed partial class SimulatedSite : IMirrorsVolumes
{
    private readonly SortedDictionary<string, MirroredImage> _images = new(StringComparer.Ordinal);
    private readonly SortedDictionary<string, MirrorCopy> _copies = new(StringComparer.Ordinal);
    private int _lastImage;

    /// <summary>Whose pool it is mirrored with; null: with nobody's.</summary>
    public SimulatedSite? MirrorPeer { get; set; }
    /// <summary>Nothing arrives here.</summary>
    public bool MirrorStands { get; set; }
    public IReadOnlyDictionary<string, string> MirrorFaults { get; set; } = new Dictionary<string, string>();
    /// <summary>Snapshots of the images that are mirrored from here, by volume.</summary>
    public IEnumerable<string> MirrorSnapshots => _images.SelectMany(i => i.Value.Snapshots.Keys);
    public int Mirrored => _images.Count;
    public int MirrorCopies => _copies.Count;
    public bool IsDemoted(string id) => _images[id].Demoted;

    public Task<IReadOnlyList<string>> MirrorGapsAsync(CancellationToken ct) => Task.FromResult<IReadOnlyList<string>>(
        MirrorPeer is null ? ["options.mirror is not set"] : []);

    public Task<IReadOnlyDictionary<string, string>> MirrorFaultsAsync(IReadOnlyCollection<string> ids,
        CancellationToken ct) => Task.FromResult(MirrorFaults);

    public Task MirrorAsync(IReadOnlyCollection<string> ids, long epoch, CancellationToken ct) =>
        CallAsync(nameof(MirrorAsync), "", () =>
        {
            foreach (var id in ids)
            {
                var known = _images.GetValueOrDefault(id);
                if (known is { Demoted: true }) known = _images[id] = known with { Demoted = false, Epoch = epoch };
                if (known?.Epoch == epoch) continue;
                if (known is not null) MirrorPeer!._copies.Remove(known.GlobalId);
                _images[id] = new MirroredImage($"{Name}-image-{++_lastImage}", epoch, false, known?.Snapshots ?? []);
            }
            return true;
        }, ct);

    public Task SnapshotImagesAsync(string snapshot, IReadOnlyDictionary<string, string> volumes,
        CancellationToken ct) => CallAsync(nameof(SnapshotImagesAsync), snapshot, () =>
        {
            foreach (var id in volumes.Values)
            {
                if (_images[id].Demoted) throw new SiteException(SiteFault.Refused, $"{id} is demoted");
                _images[id].Snapshots.TryAdd(snapshot, _volumes[id].Content);
            }
            return true;
        }, ct);

    public Task RemoveImageSnapshotsAsync(string snapshot, IReadOnlyCollection<string> ids, CancellationToken ct) =>
        CallAsync(nameof(RemoveImageSnapshotsAsync), snapshot, () =>
        {
            foreach (var id in ids.Where(_images.ContainsKey)) _images[id].Snapshots.Remove(snapshot);
            return true;
        }, ct);

    public Task<VolumeBackup> CarryAsync(BackUpRequest request, bool last, CancellationToken ct) =>
        CallAsync(nameof(CarryAsync), request.Volume, () =>
        {
            var image = _images[request.VolumeId] = _images[request.VolumeId] with
            {
                Demoted = last || _images[request.VolumeId].Demoted,
            };
            if (!MirrorPeer!.MirrorStands)
                MirrorPeer._copies[image.GlobalId] = new MirrorCopy(_volumes[request.VolumeId].Content,
                    new(image.Snapshots, StringComparer.Ordinal), last);
            return new VolumeBackup(request.Volume, request.VolumeId, $"{image.GlobalId}@{request.SnapshotId}", null, 1,
                "simulated-mirror", $"{image.GlobalId}@{request.SnapshotId}", request.Parent is null ? null : 7);
        }, ct);

    public Task<string?> LackAsync(VolumeBackup carried, CancellationToken ct) =>
        CallAsync(nameof(LackAsync), carried.Volume, () => Lack(carried), ct);

    public Task<SiteVolume> CloneAsync(RestoreRequest request, CancellationToken ct) =>
        CallAsync(nameof(CloneAsync), request.Mark.Volume, () =>
        {
            if (Lack(request.Backup) is { } lack) throw new SiteException(SiteFault.Refused, lack);
            var (image, snapshot) = Split(request.Backup);
            return TakeIn(request, _copies[image].Snapshots[snapshot]);
        }, ct);

    public Task RemoveClonesAsync(string tag, CancellationToken ct) => Task.CompletedTask;

    public Task<IReadOnlyList<SiteVolume>> TakeOverAsync(IReadOnlyList<RestoreRequest> requests, bool lost,
        CancellationToken ct) => CallAsync(nameof(TakeOverAsync), "", () =>
        {
            var left = requests.Where(r => Marked(r.Mark) is null).ToList();
            if (left.Select(r => Lack(r.Backup)).OfType<string>().FirstOrDefault() is { } lack)
                throw new SiteException(SiteFault.Refused, lack);
            if (!lost && left.Any(r => !_copies[Split(r.Backup).Image].Last))
                throw new SiteException(SiteFault.Refused, "it was not demoted");
            foreach (var request in left)
            {
                var (image, snapshot) = Split(request.Backup);
                var copy = _copies[image];
                var volume = TakeIn(request, lost ? copy.Snapshots[snapshot] : copy.Content);
                _images[volume.Id] = new MirroredImage(image, 0, false, copy.Snapshots);
                _copies.Remove(image);
            }
            return (IReadOnlyList<SiteVolume>)[.. requests.Select(r => Marked(r.Mark)!.Value)
                .Select(v => Describe(v.Key, v.Value))];
        }, ct);

    public Task LetGoAsync(IReadOnlyCollection<string> ids, CancellationToken ct) =>
        CallAsync(nameof(LetGoAsync), "", () =>
        {
            foreach (var id in ids.Where(_images.ContainsKey))
            {
                MirrorPeer!._copies.Remove(_images[id].GlobalId);
                _images.Remove(id);
            }
            return true;
        }, ct);

    private string? Lack(VolumeBackup carried)
    {
        var (image, snapshot) = Split(carried);
        return !_copies.TryGetValue(image, out var copy) ? $"{Name} has no copy of {image} yet"
            : copy.Snapshots.ContainsKey(snapshot) ? null : $"the copy of {image} has no {snapshot} yet";
    }

    private SiteVolume TakeIn(RestoreRequest request, string content)
    {
        var id = Marked(request.Mark)?.Key ?? PutVolume(request.Name, content);
        _volumes[id] = _volumes[id] with { Mark = request.Mark with { Whole = true } };
        return Describe(id, _volumes[id]);
    }

    private KeyValuePair<string, CloudVolume>? Marked(RestoredMark mark) =>
        _volumes.Where(v => v.Value.Mark is { } has && has with { Whole = false } == mark with { Whole = false })
            .Select(v => (KeyValuePair<string, CloudVolume>?)v).FirstOrDefault();

    private static (string Image, string Snapshot) Split(VolumeBackup carried) =>
        carried.Record.Split('@') is [var image, var snapshot] ? (image, snapshot)
            : throw new SiteException(SiteFault.Refused, "it is no record of a mirror");

    private sealed record MirroredImage(string GlobalId, long Epoch, bool Demoted,
        Dictionary<string, string> Snapshots);

    /// <param name="Last">Its primary was demoted with it.</param>
    private sealed record MirrorCopy(string Content, Dictionary<string, string> Snapshots, bool Last);
}
