// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Sites;
using Lifeboat.Sites.OpenStack.Appliances;
using Lifeboat.Sites.OpenStack.BlockStorage;
using Lifeboat.Sites.OpenStack.Describing;
using Lifeboat.Sites.OpenStack.Filling;
using Lifeboat.Sites.OpenStack.Http;
using Lifeboat.Sites.OpenStack.Mapping;
using Lifeboat.Sites.OpenStack.Standing;
using Microsoft.Extensions.Logging;

namespace Lifeboat.Sites.OpenStack.Building;

/// <summary>
/// Makes the volumes of an instance from the views that a request names. A volume has the instance and the disk in its
/// name, and the request, what was done to it and the bubble in its metadata; so it is made once and filled once,
/// whatever is killed meanwhile (I8).
/// </summary>
// made, marked with the request -> available -> copied into -> marked as filled -> a server ran from it: marked as used
internal sealed partial class VolumeBuilder(CloudClients cloud, VolumeFiller filler,
    ApplianceFiller? appliances, IReadOnlyDictionary<string, VolumePlace> places, BuildLimits limits, TimeProvider time,
    ILogger<VolumeBuilder> logger)
{
    private const string FilledKey = "lifeboat-filled";
    private const string UsedKey = "lifeboat-used";
    private const int FilledAtOnce = 8;
    private static readonly TimeSpan Look = TimeSpan.FromSeconds(1);

    /// <summary>What keeps the disks from being made here.</summary>
    public IEnumerable<string> Gaps(ServerMapping mapping) =>
        Gaps(mapping.Things.Where(t => t.Kind is MappedKind.VolumeType).Select(t => t.To));

    /// <summary>What keeps volumes of these types from being copied into.</summary>
    public IEnumerable<string> Gaps(IEnumerable<string> volumeTypes)
    {
        var types = volumeTypes.Distinct().ToList();
        foreach (var type in types.Where(t => !places.ContainsKey(t)))
            yield return $"volume type '{type}': options.volumes does not say where its volumes lie, so that nothing "
                + "can be copied into them";
        foreach (var place in types.Select(t => places.GetValueOrDefault(t)))
        {
            if (place?.Rbd?.ConfigurationFile is { } file && !File.Exists(file))
                yield return $"the configuration of Ceph is not there: {file}";
            if (place?.Folder is { } folder && !Directory.Exists(folder))
                yield return $"the folder of volumes is not there: {folder}";
        }
        if (types.Count == 0 || types.Exists(t => !IsByAppliance(t)))
            foreach (var gap in VolumeFiller.ToolGaps()) yield return gap;
    }

    /// <summary>The volumes of those disks that a request wants from views: id by disk.</summary>
    public async Task<IReadOnlyDictionary<string, string>> BuildAsync(StartRequest request, ServerMapping mapping,
        string digest, CancellationToken ct)
    {
        var made = new Dictionary<string, CinderVolume>(StringComparer.Ordinal);
        var server = CloudMapper.AsServer(request.Description);
        await DropUnusedAsync(request.Instance, digest, ct);
        var sources = request.Disks.Where(d => d.ViewSocket is not null && d.CloudVolume is null).ToList();
        foreach (var source in sources)
        {
            var from = server.Disks.FirstOrDefault(d => d.Disk == source.Disk);
            var type = mapping.Find(MappedKind.VolumeType, from?.Type ?? "")?.To
                ?? throw new SiteException(SiteFault.Refused,
                    $"{request.Instance}: disk '{source.Disk}' has no volume type here, and the cloud no default one");
            made[source.Disk] = await FindOrMakeAsync(request, source, type, digest, ct);
        }
        // This host's own road is as fast with one at a time; appliances are several.
        var here = sources.Where(s => !IsByAppliance(made[s.Disk].VolumeType)).ToList();
        foreach (var source in here) await FillAsync(request, source, made[source.Disk], ct);
        await Parallel.ForEachAsync(sources.Except(here), new ParallelOptions
        {
            MaxDegreeOfParallelism = FilledAtOnce,
            CancellationToken = ct,
        }, async (source, token) => await FillAsync(request, source, made[source.Disk], token));
        return made.ToDictionary(m => m.Key, m => m.Value.Id, StringComparer.Ordinal);
    }

    private async Task FillAsync(StartRequest request, DiskSource source, CinderVolume made, CancellationToken ct)
    {
        var volume = await AvailableAsync(made, ct);
        if (IsMarked(volume, FilledKey)) return;
        var start = time.GetTimestamp();
        var size = SizeOf(request, source.Disk);
        if (IsByAppliance(volume.VolumeType)) await appliances!.FillAsync(volume, source, size, ct);
        else if (!await TryBringAsync(volume, source, size, ct))
            await filler.FillAsync(volume.Id, places[volume.VolumeType!], source, size, isNew: true, ct);
        await cloud.Cinder.SetMetadataAsync(volume.Id, FilledKey, "yes", ct);
        LogFilled(request.Instance, source.Disk, volume.Id, time.GetElapsedTime(start).TotalSeconds);
    }

    private bool IsByAppliance(string? type) =>
        type is not null && appliances is not null && places.GetValueOrDefault(type)?.Appliance is true;

    /// <summary>From now on they hold what a guest wrote. Volumes that others made are left as they are.</summary>
    public async Task MarkUsedAsync(IEnumerable<string> volumes, CancellationToken ct)
    {
        foreach (var id in volumes)
            if (await cloud.Cinder.FindVolumeAsync(id, ct) is { } volume && IsOurs(volume)
                && !IsMarked(volume, UsedKey))
                await cloud.Cinder.SetMetadataAsync(id, UsedKey, "yes", ct);
    }

    /// <summary>Removes all volumes that were made for an instance; its server is gone. Those that others made
    /// stay.</summary>
    public async Task RemoveAsync(string instance, CancellationToken ct)
    {
        foreach (var volume in await OfAsync(instance, ct)) await RemoveAsync(volume, ct);
    }

    /// <summary>Volumes that we made and no guest wrote to, standing ones too.</summary>
    public async Task<IEnumerable<CinderVolume>> UnusedAsync(CancellationToken ct) =>
        (await cloud.Cinder.VolumesAsync(ct)).Where(v => v.Name is not null && (IsOurs(v) || IsStanding(v))
            && !IsMarked(v, UsedKey));

    /// <summary>Names of volumes that were made for a drill and are still there.</summary>
    public async Task<IReadOnlyList<string>> OfBubbleAsync(string bubble, CancellationToken ct) =>
    [
        .. (await OursAsync(ct)).Where(v => v.Metadata?.GetValueOrDefault(BuildOrder.BubbleKey) == bubble)
            .Select(v => v.Name!),
    ];

    private async Task<CinderVolume> FindOrMakeAsync(StartRequest request, DiskSource source, string type,
        string digest, CancellationToken ct)
    {
        var there = await OfRequestAsync(Name(request.Instance, source.Disk), digest, ct);
        if (there.Any(v => !v.Status.StartsWith("error", StringComparison.Ordinal)))
            return await MakeAsync(request, source.Disk, type, digest, ct);
        return await TakeStandingAsync(request, source, type, digest, ct)
            ?? await MakeAsync(request, source.Disk, type, digest, ct);
    }

    private async Task<CinderVolume> MakeAsync(StartRequest request, string disk, string type, string digest,
        CancellationToken ct)
    {
        var name = Name(request.Instance, disk);
        var size = CloudMapper.GiB(SizeOf(request, disk));
        var marks = new Dictionary<string, string>(StringComparer.Ordinal) { [BuildOrder.DigestKey] = digest };
        if (request.Bubble is { } bubble) marks[BuildOrder.BubbleKey] = bubble;
        // A failed one is of no use, and holds quota.
        foreach (var failed in await OfRequestAsync(name, digest, ct))
            if (failed.Status.StartsWith("error", StringComparison.Ordinal)) await RemoveAsync(failed, ct);
        return await MakeOnce.RunAsync(c => OfRequestAsync(name, digest, c),
            c => cloud.Cinder.CreateVolumeAsync(new NewVolume(name, size, type,
                Description: $"Disk {disk} of {request.Instance} (made by Lifeboat)", Metadata: marks), c),
            RemoveAsync, time, ct);
    }

    /// <summary>Removes those that no guest ran from; its server is gone.</summary>
    public Task RemoveUnusedAsync(string instance, CancellationToken ct) => DropUnusedAsync(instance, "", ct);

    // Of requests that were given up: nothing ran from them. What a guest wrote to is never thrown away here (I5).
    private async Task DropUnusedAsync(string instance, string digest, CancellationToken ct)
    {
        foreach (var volume in (await OfAsync(instance, ct)).Where(v => !IsOf(v, digest)))
        {
            if (IsMarked(volume, UsedKey)) LogKept(volume.Name!, volume.Id);
            else if (WasStanding(volume)) await GiveBackAsync(volume, ct);
            else await RemoveAsync(volume, ct);
        }
    }

    private async Task GiveBackAsync(CinderVolume volume, CancellationToken ct)
    {
        await cloud.Cinder.RemoveMetadataAsync(volume.Id, BuildOrder.DigestKey, ct);
        LogGivenBack(volume.Name!, volume.Id);
    }

    private async Task RemoveAsync(CinderVolume volume, CancellationToken ct)
    {
        if (volume.Metadata?.ContainsKey(Holding.Key) is true)
            await HostVolume.EndOthersAsync(filler.Locks, volume.Id, time, ct);
        await filler.WaitForEndAsync(volume.Id, limits.Stop, ct);
        if (IsByAppliance(volume.VolumeType)) await appliances!.TakeOutAsync(volume.Id, ct);
        if (WasStanding(volume)) await DropSnapshotsAsync(volume.Id, keep: 0, ct);
        var start = time.GetTimestamp();
        var asked = false;
        while (await cloud.Cinder.FindVolumeAsync(volume.Id, ct) is { } left)
        {
            if (asked && left.Status == "error_deleting")
                throw new CloudException(CloudFault.ServiceFailed,
                    $"volume {left.Name} ({left.Id}) could not be removed: Cinder says {left.Status}");
            // One that is still being taken out of a server that is gone cannot be removed yet.
            if (!asked && (left.Status is "available" || left.Status.StartsWith("error", StringComparison.Ordinal)))
            {
                await cloud.Cinder.DeleteVolumeAsync(volume.Id, ct);
                asked = true;
            }
            if (time.GetElapsedTime(start) >= limits.Stop)
                throw new CloudException(CloudFault.TooSlow, $"volume {left.Name} ({left.Id}) is still {left.Status} "
                    + $"{limits.Stop.TotalSeconds:0} s after its removal");
            await Task.Delay(Look, time, ct);
        }
    }

    private async Task<CinderVolume> AvailableAsync(CinderVolume volume, CancellationToken ct)
    {
        var start = time.GetTimestamp();
        while (true)
        {
            var now = await cloud.Cinder.FindVolumeAsync(volume.Id, ct) ?? throw new CloudException(
                CloudFault.NotFound, $"volume {volume.Name} ({volume.Id}) is gone while it was waited for");
            // A filled one may be in the server already.
            if (now.Status == "available" || IsMarked(now, FilledKey)) return now;
            // In the appliance of an attempt that was cut short, or on its way in or out.
            if (IsByAppliance(now.VolumeType) && now.Status is "in-use" or "attaching" or "reserved" or "detaching")
                return now;
            if (now.Status.StartsWith("error", StringComparison.Ordinal))
                throw new CloudException(CloudFault.BuildFailed, $"volume {now.Name} ({now.Id}) of type "
                    + $"'{now.VolumeType}' is in {now.Status}: Cinder could not make it");
            if (time.GetElapsedTime(start) >= limits.Volume)
                throw new CloudException(CloudFault.TooSlow, $"volume {now.Name} ({now.Id}) is still {now.Status} "
                    + $"after {limits.Volume.TotalSeconds:0} s") { MaybeDone = true };
            await Task.Delay(Look, time, ct);
        }
    }

    private static long SizeOf(StartRequest request, string disk) =>
        request.Description.Disks.First(d => d.Name == disk).SizeBytes;

    private async Task<IReadOnlyList<CinderVolume>> OfRequestAsync(string name, string digest, CancellationToken ct) =>
    [
        .. (await cloud.Cinder.VolumesAsync(name, ct)).Where(v => IsOf(v, digest) && v.Status != "deleting")
            .OrderBy(v => v.CreatedAt),
    ];

    private async Task<IReadOnlyList<CinderVolume>> OfAsync(string instance, CancellationToken ct) =>
        [.. (await OursAsync(ct)).Where(v => v.Name!.StartsWith(Name(instance, ""), StringComparison.Ordinal))];

    private async Task<IEnumerable<CinderVolume>> OursAsync(CancellationToken ct) =>
        (await cloud.Cinder.VolumesAsync(ct)).Where(v => v.Name is not null && IsOurs(v));

    private static bool IsOurs(CinderVolume volume) =>
        volume.Metadata?.ContainsKey(BuildOrder.DigestKey) is true;

    private static bool IsOf(CinderVolume volume, string digest) =>
        volume.Metadata?.GetValueOrDefault(BuildOrder.DigestKey) == digest;

    private static bool IsMarked(CinderVolume volume, string key) =>
        volume.Metadata?.GetValueOrDefault(key) == "yes";

    private static string Name(string instance, string disk) =>
        $"{Surroundings.MarkOf(instance)}{disk}";

    [LoggerMessage(EventIds.VolumeFilled, LogLevel.Information,
        "{Instance}: disk {Disk} is in volume {VolumeId} after {Seconds:0.0} s")]
    private partial void LogFilled(string instance, string disk, string volumeId, double seconds);

    [LoggerMessage(EventIds.VolumeKept, LogLevel.Warning,
        "Volume {Name} ({VolumeId}) of an earlier start stays: a guest wrote to it. Delete it when nobody needs it")]
    private partial void LogKept(string name, string volumeId);

    [LoggerMessage(EventIds.StandingGivenBack, LogLevel.Information,
        "Volume {Name} ({VolumeId}), which no guest ran from, is a standing volume again")]
    private partial void LogGivenBack(string name, string volumeId);
}
