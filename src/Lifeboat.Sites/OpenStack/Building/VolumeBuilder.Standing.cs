// SPDX-License-Identifier: Apache-2.0
using System.Collections.Concurrent;
using System.Globalization;
using Lifeboat.Sites.OpenStack.BlockStorage;
using Lifeboat.Sites.OpenStack.Filling;
using Lifeboat.Sites.OpenStack.Http;
using Lifeboat.Sites.OpenStack.Mapping;
using Lifeboat.Sites.OpenStack.Standing;
using Microsoft.Extensions.Logging;

namespace Lifeboat.Sites.OpenStack.Building;

// Standing volumes: what they are of and what they hold is in their metadata.
//
//   made, holds nothing -> filled -> at a point -> brought on, again and again
//     -> marked as filled -> marked with a request = the instance's volume
//
// Invariants
//   What it may hold is widened before it is written to, and narrowed when what was written is durable and nothing of
//   ours has it open (Holding). So a round may be cut short anywhere, and what it left is never taken for a point.
//   The mark of a request is what makes it the instance's volume, and is the last that is set. Taken off again, which
//   is only done to one that no guest ran from, it is a standing volume.
//   Before a server is asked for that would run from it, it is said to hold nothing known. Only a server that failed
//   before any host had it takes that back.
internal sealed partial class VolumeBuilder
{
    private const string StandingKey = "lifeboat-standing";
    private const string HeldKey = "lifeboat-standing-held";
    private const string StandingPointKey = "lifeboat-standing-point";
    private readonly ConcurrentDictionary<string, StandingGate> _gates = new(StringComparer.Ordinal);

    /// <summary>All standing volumes of the project.</summary>
    public async Task<IReadOnlyList<StandingVolume>> StandingAsync(CancellationToken ct)
    {
        var all = (await cloud.Cinder.VolumesAsync(ct)).Where(IsStanding).ToList();
        if (all.Count == 0) return [];
        var snapshots = (await cloud.Cinder.SnapshotsAsync(ct)).Where(IsOurs).ToLookup(s => s.VolumeId);
        return [.. all.Select(v => Told(v) with { Snapshots = snapshots[v.Id].Count() })];
    }

    /// <summary>One round of one disk: see <see cref="IKeepsStandingVolumes.BringAsync"/>.</summary>
    public async Task<StandingVolume?> BringAsync(StandingOrder order, string type, StandingOptions options,
        IProgress<StandingProgress> progress, CancellationToken ct)
    {
        var (instance, point) = (order.Instance.Name, order.Source.Point!);
        StandingVolume? brought = null;
        await GateOf(point).RoundAsync(async token =>
        {
            // A run has begun to build it, from standing volumes or from others.
            if ((await OfAsync(instance, token)).Any(v => !IsMarked(v, UsedKey))) return;
            var volume = await StandingOfAsync(order, type, token);
            var written = await BringAsync(volume, order.Source, order.SizeBytes, options.BytesPerSecond, progress,
                token);
            await SetAsync(volume.Id, StandingPointKey, string.Create(CultureInfo.InvariantCulture,
                $"{order.Point.CutAt.UtcDateTime:O} {ConsistencyOf(order)}"), token);
            await SnapshotAsync(volume, order, options.Snapshots, token);
            brought = Told(await ThereAsync(volume.Id, token)) with { Written = written };
        }, ct);
        return brought ?? (await StandingAsync(ct)).FirstOrDefault(v => IsOf(v, point));
    }

    public async Task RemoveStandingAsync(StandingVolume standing, CancellationToken ct)
    {
        using var alone = await GateOf(standing.Group, standing.Volume).EnterAsync(ct);
        // It may have become an instance's volume since it was looked at.
        if (await cloud.Cinder.FindVolumeAsync(standing.Id, ct) is { } volume && IsStanding(volume))
            await RemoveAsync(volume, ct);
    }

    /// <summary>A server is about to be asked for that may write to them.</summary>
    public async Task DoubtAsync(string instance, CancellationToken ct)
    {
        foreach (var volume in (await OfAsync(instance, ct)).Where(WasStanding))
            if (Holding.Parse(volume.Metadata!.GetValueOrDefault(Holding.Key)) is { } holds)
                await cloud.Cinder.SetMetadataAsync(volume.Id,
                    [new(Holding.Key, Holding.Unknown), new(HeldKey, holds.ToString())], ct);
    }

    /// <summary>The server failed before any host had it: nobody wrote to them.</summary>
    public async Task TrustAsync(string instance, CancellationToken ct)
    {
        foreach (var volume in (await OfAsync(instance, ct)).Where(v => WasStanding(v) && !IsMarked(v, UsedKey)))
            if (volume.Metadata!.GetValueOrDefault(HeldKey) is { } held)
                await SetAsync(volume.Id, Holding.Key, held, ct);
    }

    // For an instance the standing volume itself, brought to the point; for a drill's copy a clone of it, where cloning
    // copies nothing, which is brought to the point like any other. Null: there is none to be had.
    private async Task<CinderVolume?> TakeStandingAsync(StartRequest request, DiskSource source, string type,
        string digest, CancellationToken ct)
    {
        if (source.Point is not { } point || request.Bubble is not null && places[type].Rbd is null) return null;
        using var alone = await GateOf(point).EnterAsync(ct);
        var volume = (await StandingOfAsync(point, ct))
            .FirstOrDefault(v => v.VolumeType == type && v.Status == "available");
        if (volume is null) return null;
        if (request.Bubble is not null) return await CloneAsync(volume, request, source.Disk, digest, ct);
        var start = time.GetTimestamp();
        var written = await BringAsync(volume, source, SizeOf(request, source.Disk), bytesPerSecond: null,
            Unheard, ct);
        await SetAsync(volume.Id, FilledKey, "yes", ct);
        await SetAsync(volume.Id, BuildOrder.DigestKey, digest, ct);
        LogTaken(request.Instance, source.Disk, volume.Id, written, time.GetElapsedTime(start).TotalSeconds);
        return await ThereAsync(volume.Id, ct);
    }

    // The volume is at rest until the clone is whole: who has the gate waits for it.
    private async Task<CinderVolume?> CloneAsync(CinderVolume volume, StartRequest request, string disk, string digest,
        CancellationToken ct)
    {
        if (Holding.Parse(volume.Metadata!.GetValueOrDefault(Holding.Key)) is not { } holds) return null;
        var name = Name(request.Instance, disk);
        var marks = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            [BuildOrder.DigestKey] = digest,
            [BuildOrder.BubbleKey] = request.Bubble!,
            [Holding.Key] = holds.ToString(),
        };
        var made = await MakeOnce.RunAsync(c => OfRequestAsync(name, digest, c),
            c => cloud.Cinder.CreateVolumeAsync(new NewVolume(name, volume.Size, volume.VolumeType,
                Description: $"Disk {disk} of {request.Instance} (made by Lifeboat)", Metadata: marks,
                SourceVolid: volume.Id), c), RemoveAsync, time, ct);
        return await AvailableAsync(made, ct);
    }

    // Of volumes that say what they hold; what others hold is brought by filling them.
    private async Task<bool> TryBringAsync(CinderVolume volume, DiskSource source, long size, CancellationToken ct)
    {
        if (source.Point is null || volume.Metadata?.ContainsKey(Holding.Key) is not true) return false;
        await BringAsync(volume, source, size, bytesPerSecond: null, Unheard, ct);
        return true;
    }

    private async Task<long> BringAsync(CinderVolume volume, DiskSource source, long size, long? bytesPerSecond,
        IProgress<StandingProgress> progress, CancellationToken ct)
    {
        var point = source.Point!;
        var mark = volume.Metadata?.GetValueOrDefault(Holding.Key);
        var holds = Holding.Parse(mark);
        if (holds?.Replica != point.Replica) holds = null;
        if (holds == Holding.At(point)) return 0;
        if (CloudMapper.GiB(size) > volume.Size) await LengthenAsync(volume, CloudMapper.GiB(size), ct);
        var writer = new PointWriter(source, size, bytesPerSecond, progress, time);
        long? written = null;
        await using (var open = await OpenAsync(volume, size, ct))
        {
            await SetAsync(volume.Id, Holding.Key,
                holds?.Toward(point.Sequence).ToString() ?? Holding.Unknown, ct);
            if (mark == Holding.Nothing) written = await writer.FillAsync(open, ct);
            else if (holds is not null) written = await writer.WriteChangesAsync(holds, open, ct);
            if (written is null)
            {
                await SetAsync(volume.Id, Holding.Key, Holding.Unknown, ct);
                LogCompared(volume.Name!, volume.Id);
                written = await writer.CompareAsync(open, ct);
            }
        }
        await SetAsync(volume.Id, Holding.Key, Holding.At(point).ToString(), ct);
        return written.Value;
    }

    private async Task<IOpenVolume> OpenAsync(CinderVolume volume, long size, CancellationToken ct) =>
        await HostVolume.OpenAsync(filler.Locks, volume.Id, places[volume.VolumeType!], size, time, ct);

    private async Task<CinderVolume> StandingOfAsync(StandingOrder order, string type, CancellationToken ct)
    {
        var point = order.Source.Point!;
        // Another type by now, or one that Cinder could not make: of no use, and it holds quota.
        foreach (var useless in (await StandingOfAsync(point, ct)).Where(v => v.VolumeType != type
            || v.Status.StartsWith("error", StringComparison.Ordinal)))
            await RemoveAsync(useless, ct);
        var made = await MakeOnce.RunAsync(c => StandingOfAsync(point, c),
            c => cloud.Cinder.CreateVolumeAsync(new NewVolume(Name(order.Instance.Name, order.Source.Disk),
                CloudMapper.GiB(order.SizeBytes), type, Description: $"Standing volume of disk {order.Source.Disk} of "
                    + $"{order.Instance.Name}: kept near its newest point (made by Lifeboat)",
                Metadata: new Dictionary<string, string>(StringComparer.Ordinal)
                {
                    [StandingKey] = KeyOf(point.Group, point.Volume), [Holding.Key] = Holding.Nothing,
                }), c), RemoveAsync, time, ct);
        var volume = await SettledAsync(made, ct);
        if (volume.Status == "available") return volume;
        await SetAsync(volume.Id, Holding.Key, Holding.Unknown, ct);
        throw new CloudException(CloudFault.Conflict, $"standing volume {volume.Name} ({volume.Id}) is "
            + $"{volume.Status}: somebody uses it. Take it out, and use a snapshot or a clone of it instead");
    }

    private async Task<CinderVolume> SettledAsync(CinderVolume volume, CancellationToken ct) =>
        volume.Status is "creating" or "extending" ? await AvailableAsync(volume, ct) : volume;

    private async Task<IReadOnlyList<CinderVolume>> StandingOfAsync(ViewPoint point, CancellationToken ct) =>
    [
        .. (await cloud.Cinder.VolumesAsync(ct)).Where(v => IsStanding(v)
            && v.Metadata![StandingKey] == KeyOf(point.Group, point.Volume)).OrderBy(v => v.CreatedAt),
    ];

    // File drivers cannot make one longer that has snapshots.
    private async Task LengthenAsync(CinderVolume volume, int gib, CancellationToken ct)
    {
        if (places[volume.VolumeType!].Folder is not null) await DropSnapshotsAsync(volume.Id, keep: 0, ct);
        await ExtendAsync(volume, gib, ct);
    }

    private async Task<CinderVolume> ThereAsync(string id, CancellationToken ct) =>
        await cloud.Cinder.FindVolumeAsync(id, ct)
        ?? throw new CloudException(CloudFault.NotFound, $"volume {id} is gone");

    private Task SetAsync(string volume, string key, string value, CancellationToken ct) =>
        cloud.Cinder.SetMetadataAsync(volume, key, value, ct);

    private StandingGate GateOf(ViewPoint point) => GateOf(point.Group, point.Volume);

    private StandingGate GateOf(string group, string volume) =>
        _gates.GetOrAdd(KeyOf(group, volume), _ => new StandingGate());

    private static string KeyOf(string group, string volume) => $"{group}/{volume}";

    private static bool IsStanding(CinderVolume volume) =>
        WasStanding(volume) && !IsOurs(volume) && volume.Status != "deleting";

    // Also when it has become an instance's volume.
    private static bool WasStanding(CinderVolume volume) => volume.Metadata?.ContainsKey(StandingKey) is true;

    private static bool IsOf(StandingVolume volume, ViewPoint point) =>
        volume.Group == point.Group && volume.Volume == point.Volume;

    private static StandingVolume Told(CinderVolume volume)
    {
        var key = volume.Metadata![StandingKey];
        var slash = key.IndexOf('/', StringComparison.Ordinal);
        var holds = Holding.Parse(volume.Metadata.GetValueOrDefault(Holding.Key));
        var at = volume.Metadata.GetValueOrDefault(StandingPointKey)?.Split(' ')[0];
        return new StandingVolume(slash < 0 ? key : key[..slash], slash < 0 ? "" : key[(slash + 1)..], volume.Id)
        {
            Replica = holds?.Replica,
            Low = holds?.Low ?? 0,
            High = holds?.High ?? 0,
            CutAt = DateTimeOffset.TryParse(at, CultureInfo.InvariantCulture, DateTimeStyles.RoundtripKind,
                out var cut) ? cut : null,
        };
    }

    private static readonly IProgress<StandingProgress> Unheard = new Progress<StandingProgress>();

    [LoggerMessage(EventIds.StandingTaken, LogLevel.Information,
        "{Instance}: disk {Disk} is what was standing volume {VolumeId}; {Bytes} bytes brought it to the point in "
        + "{Seconds:0.0} s")]
    private partial void LogTaken(string instance, string disk, string volumeId, long bytes, double seconds);

    [LoggerMessage(EventIds.StandingCompared, LogLevel.Information,
        "Where volume {Name} ({VolumeId}) may differ from the point is not known: all of it is compared")]
    private partial void LogCompared(string name, string volumeId);
}
