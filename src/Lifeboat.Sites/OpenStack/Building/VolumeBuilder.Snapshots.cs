// SPDX-License-Identifier: Apache-2.0
using System.Globalization;
using Lifeboat.Protection.RecoveryPoints;
using Lifeboat.Sites.OpenStack.BlockStorage;
using Lifeboat.Sites.OpenStack.Http;
using Microsoft.Extensions.Logging;

namespace Lifeboat.Sites.OpenStack.Building;

// Snapshots of standing volumes at application-consistent points: what a user of the cloud can make volumes from
// without us. They go with their volume.
internal sealed partial class VolumeBuilder
{
    private const string PointKey = "lifeboat-point";

    private static bool IsOurs(CinderSnapshot snapshot) => snapshot.Metadata?.ContainsKey(StandingKey) is true;

    private static Consistency ConsistencyOf(StandingOrder order) =>
        order.Point.Quiesced.TryGetValue(order.Instance.Name, out var own) ? own : order.Point.Consistency;

    private async Task SnapshotAsync(CinderVolume volume, StandingOrder order, int keep, CancellationToken ct)
    {
        if (keep == 0 || ConsistencyOf(order) < Consistency.Application) return;
        var (point, of) = (order.Point, order.Source.Point!);
        var made = await MakeOnce.RunAsync(c => OfPointAsync(volume.Id, point, c),
            c => cloud.Cinder.CreateSnapshotAsync(new NewSnapshot(volume.Id, string.Create(
                CultureInfo.InvariantCulture, $"lifeboat/{of.Group}/{of.Volume}/{point.CutAt:yyyyMMdd'T'HHmmss'Z'}"),
                $"Disk {order.Source.Disk} of {order.Instance.Name} as of {point.CutAt:u} (made by Lifeboat)",
                new Dictionary<string, string>(StringComparer.Ordinal)
                {
                    [StandingKey] = KeyOf(of.Group, of.Volume),
                    [PointKey] = point.Id.ToString(),
                    ["lifeboat-cut-at"] = point.CutAt.UtcDateTime.ToString("O", CultureInfo.InvariantCulture),
                    ["lifeboat-consistency"] = $"{ConsistencyOf(order)}",
                }), c), (s, c) => DropAsync(s, c), time, ct);
        await UntilAsync(made.Id, s => s is { Status: "available" }, "available", ct);
        LogSnapshot(made.Name!, volume.Id);
        await DropSnapshotsAsync(volume.Id, keep, ct);
    }

    private async Task<IReadOnlyList<CinderSnapshot>> OfPointAsync(string volume, RecoveryPoint point,
        CancellationToken ct) =>
    [
        .. (await cloud.Cinder.SnapshotsAsync(ct)).Where(s => s.VolumeId == volume
            && s.Metadata?.GetValueOrDefault(PointKey) == point.Id.ToString()).OrderBy(s => s.CreatedAt),
    ];

    /// <summary>Removes ours but for the newest ones. Others' stay, and keep a volume from being removed.</summary>
    private async Task DropSnapshotsAsync(string volume, int keep, CancellationToken ct)
    {
        var ours = (await cloud.Cinder.SnapshotsAsync(ct)).Where(s => s.VolumeId == volume && IsOurs(s));
        foreach (var old in ours.OrderByDescending(s => s.CreatedAt).Skip(keep)) await DropAsync(old, ct);
    }

    // File drivers put the files of a chain together again: nothing is written to the volume before that has ended.
    private async Task DropAsync(CinderSnapshot snapshot, CancellationToken ct)
    {
        await cloud.Cinder.DeleteSnapshotAsync(snapshot.Id, ct);
        await UntilAsync(snapshot.Id, s => s is null, "removed", ct);
    }

    private async Task UntilAsync(string snapshot, Func<CinderSnapshot?, bool> isSo, string what, CancellationToken ct)
    {
        var start = time.GetTimestamp();
        while (await cloud.Cinder.FindSnapshotAsync(snapshot, ct) is var now && !isSo(now))
        {
            if (now?.Status.StartsWith("error", StringComparison.Ordinal) is not false)
                throw new CloudException(CloudFault.BuildFailed,
                    $"snapshot {now?.Name} ({snapshot}) was to be {what}: {now?.Status ?? "it is gone"}");
            if (time.GetElapsedTime(start) >= limits.Stop)
                throw new CloudException(CloudFault.TooSlow, $"snapshot {now.Name} ({snapshot}) is still {now.Status} "
                    + $"after {limits.Stop.TotalSeconds:0} s; it was to be {what}");
            await Task.Delay(Look, time, ct);
        }
    }

    [LoggerMessage(EventIds.StandingSnapshot, LogLevel.Information, "Made snapshot {Name} of volume {VolumeId}")]
    private partial void LogSnapshot(string name, string volumeId);
}
