// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Sites;
using Lifeboat.Sites.OpenStack.BlockStorage;
using Lifeboat.Sites.OpenStack.Http;
using Lifeboat.Sites.OpenStack.Mapping;

namespace Lifeboat.Sites.OpenStack.Building;

// Volumes of a server that is stopped, which get another content; whoever asks has seen that theirs is held.
internal sealed partial class VolumeBuilder
{
    private const string OverwrittenKey = "lifeboat-overwritten";

    /// <summary>What keeps volumes of these types from being copied into where a server has them.</summary>
    public IEnumerable<string> OverwritingGaps(IEnumerable<string> volumeTypes)
    {
        var types = volumeTypes.Distinct().ToList();
        foreach (var type in types.Where(IsByAppliance))
            yield return $"volume type '{type}' is written by appliances, and a volume that its server has can be put "
                + "into no other: remove the server, and it is built anew";
        foreach (var gap in Gaps(types.Where(t => !IsByAppliance(t)))) yield return gap;
    }

    /// <summary>Copies the view into the volume, as long as the mark of the request is not on it.</summary>
    public async Task OverwriteAsync(StartRequest request, DiskSource source, string id, string digest,
        CancellationToken ct)
    {
        var volume = await cloud.Cinder.FindVolumeAsync(id, ct)
            ?? throw new CloudException(CloudFault.NotFound, $"{request.Instance}: there is no volume {id}");
        if (volume.Metadata?.GetValueOrDefault(OverwrittenKey) == digest) return;
        var size = SizeOf(request, source.Disk);
        if (CloudMapper.GiB(size) > volume.Size) await ExtendAsync(volume, CloudMapper.GiB(size), ct);
        var start = time.GetTimestamp();
        await filler.FillAsync(id, places[volume.VolumeType!], source, size, isNew: false, ct);
        await cloud.Cinder.SetMetadataAsync(id, OverwrittenKey, digest, ct);
        LogFilled(request.Instance, source.Disk, id, time.GetElapsedTime(start).TotalSeconds);
    }

    /// <summary>Takes the marks of overwriting off: the server runs.</summary>
    public async Task ForgetOverwritingAsync(IEnumerable<string> volumes, CancellationToken ct)
    {
        foreach (var id in volumes)
            if (await cloud.Cinder.FindVolumeAsync(id, ct) is { } volume
                && volume.Metadata?.ContainsKey(OverwrittenKey) is true)
                await cloud.Cinder.RemoveMetadataAsync(id, OverwrittenKey, ct);
    }

    private async Task ExtendAsync(CinderVolume volume, int gib, CancellationToken ct)
    {
        await cloud.Cinder.ExtendAsync(volume.Id, gib, ct);
        var start = time.GetTimestamp();
        while (await cloud.Cinder.FindVolumeAsync(volume.Id, ct) is { } now && (now.Size < gib
            || now.Status == "extending"))
        {
            if (now.Status.StartsWith("error", StringComparison.Ordinal) || time.GetElapsedTime(start) >= limits.Volume)
                throw new CloudException(CloudFault.TooSlow, $"volume {volume.Name} ({volume.Id}) is {now.Status} with "
                    + $"{now.Size} GiB; it was to have {gib} GiB");
            await Task.Delay(Look, time, ct);
        }
    }
}
