// SPDX-License-Identifier: Apache-2.0
using System.Globalization;
using Lifeboat.Contracts.Sites;
using Lifeboat.Sites.OpenStack.BlockStorage;
using Lifeboat.Sites.OpenStack.Describing;
using Lifeboat.Sites.OpenStack.Filling;
using Microsoft.Extensions.Logging;

namespace Lifeboat.Sites.OpenStack.Appliances;

/// <summary>
/// Copies a view into a volume through an appliance. When that is lost it goes on through another one behind what was
/// flushed last; how far it got is written on the volume too, for a controller that follows a killed one.
/// </summary>
internal sealed partial class ApplianceFiller(CloudClients cloud, ApplianceServers servers, TimeProvider time,
    ILogger<ApplianceFiller> logger)
{
    public const string CopiedKey = "lifeboat-copied";
    // In a row, without anything flushed in between.
    private const int LossesMax = 3;
    private static readonly TimeSpan Look = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan MarkEvery = TimeSpan.FromSeconds(10);

    /// <summary>When it returns the volume has the view's content, durable, and is in no appliance.</summary>
    /// <exception cref="SiteException">CloudUnavailable: appliances are lost again and again; Refused: the view cannot
    /// be read.</exception>
    public async Task FillAsync(CinderVolume volume, DiskSource from, long sizeBytes, CancellationToken ct)
    {
        var copy = new ViewCopy(from);
        var start = time.GetTimestamp();
        var done = long.TryParse(volume.Metadata?.GetValueOrDefault(CopiedKey), NumberStyles.None,
            CultureInfo.InvariantCulture, out var marked) ? marked : 0;
        if (done > 0) LogResumed(volume.Id, done);
        for (var losses = 0; ;)
        {
            var (open, at) = await servers.OpenAsync(volume.Id, sizeBytes, ct);
            try
            {
                await using (open) await CopyAsync(copy, open, at, volume.Id, done, ct);
                break;
            }
            catch (SiteException e) when (e.Fault is SiteFault.CloudUnavailable
                && (losses = copy.Done > done ? 1 : losses + 1) <= LossesMax)
            {
                done = copy.Done;
                LogInterrupted(volume.Id, at.Server, e.Message, done);
            }
        }
        await servers.TakeOutAsync(volume.Id, ct);
        var seconds = time.GetElapsedTime(start).TotalSeconds;
        LogCopied(volume.Id, copy.Sent / 1048576d, seconds);
    }

    /// <summary>Returns once no appliance has the volume.</summary>
    public Task TakeOutAsync(string volume, CancellationToken ct) => servers.TakeOutAsync(volume, ct);

    // Ends with the copy, or when its appliance is seen to be lost: what waits for an answer of that would wait long.
    private async Task CopyAsync(ViewCopy copy, ApplianceVolume open, Appliance at, string volume, long done,
        CancellationToken ct)
    {
        using var end = CancellationTokenSource.CreateLinkedTokenSource(ct);
        var marked = time.GetTimestamp();
        var copying = copy.RunAsync(open, done, async now =>
        {
            if (time.GetElapsedTime(marked) < MarkEvery) return;
            // Whoever was out of touch for long finds the volume taken away from it here, before it writes more.
            if (await servers.FindLossAsync(at.Server, volume, end.Token) is { } loss)
                throw new SiteException(SiteFault.CloudUnavailable, loss);
            await cloud.Cinder.SetMetadataAsync(volume, CopiedKey, now.ToString(CultureInfo.InvariantCulture),
                end.Token);
            marked = time.GetTimestamp();
        }, end.Token);
        var watching = WatchAsync(at, volume, end.Token);
        var first = await Task.WhenAny(copying, watching);
        await end.CancelAsync();
        if (first == copying)
        {
            await copying;
            return;
        }
        try
        {
            await copying;
        }
        catch (Exception e) when (e is OperationCanceledException or SiteException)
        {
            // Cut, because of what is told now.
        }
        throw new SiteException(SiteFault.CloudUnavailable, await watching);
    }

    private async Task<string> WatchAsync(Appliance at, string volume, CancellationToken ct)
    {
        while (true)
        {
            await Task.Delay(Look, time, ct);
            if (await servers.FindLossAsync(at.Server, volume, ct) is { } loss) return loss;
        }
    }

    [LoggerMessage(EventIds.ApplianceCopyResumed, LogLevel.Information,
        "The copy into volume {VolumeId} goes on behind {Bytes} bytes that an earlier attempt flushed")]
    private partial void LogResumed(string volumeId, long bytes);

    [LoggerMessage(EventIds.ApplianceCopyInterrupted, LogLevel.Warning,
        "The copy into volume {VolumeId} through appliance {ServerId} was interrupted ({Why}); it goes on behind "
        + "{Bytes} bytes")]
    private partial void LogInterrupted(string volumeId, string serverId, string why, long bytes);

    [LoggerMessage(EventIds.ApplianceCopied, LogLevel.Information,
        "Volume {VolumeId} was written through an appliance: {MiB:0.0} MiB of data in {Seconds:0.0} s")]
    private partial void LogCopied(string volumeId, double miB, double seconds);
}
