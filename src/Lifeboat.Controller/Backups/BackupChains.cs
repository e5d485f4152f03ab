// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Sites;
using Lifeboat.Protection.Policies;
using Lifeboat.Protection.RecoveryPoints;

namespace Lifeboat.Controller.Backups;

/// <summary>What backups build on, and what may go. Pure.</summary>
// full <- increment <- increment      A point is removed only with all that builds on its backups, those first.
internal static class BackupChains
{
    /// <summary>A chain is as good as its weakest backup, and a restore reads all of it: then a full one again.
    /// </summary>
    public const int IncrementsMax = 6;

    /// <summary>The backup that the next one of a volume is to be the difference to; null: a full one.</summary>
    /// <param name="points">Of the group, oldest first.</param>
    /// <param name="site">Whose volume it is.</param>
    public static string? Parent(IReadOnlyList<BackupPoint> points, string site, string volumeId)
    {
        // One that the other cloud does not know could not be built on there.
        var backups = points.Where(p => p.Site == site && p.Phase is BackupPhase.Whole)
            .SelectMany(p => p.Backups).Where(b => b.VolumeId == volumeId).ToList();
        if (backups.Count == 0) return null;
        var byId = backups.ToDictionary(b => b.Id, StringComparer.Ordinal);
        var increments = 0;
        for (var at = backups[^1]; at.Parent is { } parent; at = byId[parent])
        {
            if (++increments >= IncrementsMax || !byId.ContainsKey(parent)) return null;
        }
        return backups[^1].Id;
    }

    /// <summary>Points that the retention gives up and nothing builds on that stays; in the order in which they go.
    /// </summary>
    /// <param name="points">Of the group, oldest first.</param>
    /// <param name="pinned">Held at the other site.</param>
    public static IReadOnlyList<BackupPoint> Removable(IReadOnlyList<BackupPoint> points, IReadOnlySet<Guid> pinned,
        Retention retention, DateTimeOffset now)
    {
        var whole = points.Where(p => p.Phase is BackupPhase.Whole).ToList();
        var kept = Thinning.Keep([.. whole.Select(p => Shown(p, pinned))], retention, now)
            .Select(p => p.Id).ToHashSet();
        var needed = points.Where(p => !whole.Contains(p)).SelectMany(Parents).ToHashSet(StringComparer.Ordinal);
        var going = new List<BackupPoint>();
        foreach (var point in whole.AsEnumerable().Reverse())
        {
            if (!kept.Contains(point.Point.Id) && point.Backups.All(b => !needed.Contains(b.Id))) going.Add(point);
            else needed.UnionWith(Parents(point));
        }
        return going;
    }

    private static IEnumerable<string> Parents(BackupPoint point) =>
        point.Backups.Select(b => b.Parent).OfType<string>();

    private static RecoveryPoint Shown(BackupPoint point, IReadOnlySet<Guid> pinned) => point.Point with
    {
        State = point.Pins.Count > 0 || pinned.Contains(point.Point.Id) ? PointState.Pinned : PointState.Sealed,
    };
}
