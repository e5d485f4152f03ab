// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection.Instances;
using Lifeboat.Protection.RecoveryPoints;

namespace Lifeboat.Sites;

/// <summary>
/// Can keep volumes of its cloud near the newest point, one for each disk of instances that may be recovered there: a
/// start from a view then writes only what differs.
/// </summary>
public interface IKeepsStandingVolumes
{
    /// <summary>Null: the site is not to keep any.</summary>
    StandingRules? StandingRules { get; }

    /// <summary>Those that are there and no instance has, of whatever group.</summary>
    Task<IReadOnlyList<StandingVolume>> StandingAsync(CancellationToken ct);

    /// <summary>
    /// Brings the standing volume of a disk to the point of a view; makes it first where there is none. Repeated after
    /// it was cut short anywhere it ends in the same state. A start of the instance meanwhile cuts it short.
    /// </summary>
    /// <returns>Null: the disk is to have none (its type is not wanted, or the instance has a server here).</returns>
    /// <exception cref="SiteException">QuotaExceeded, NoSpace, CloudUnavailable…</exception>
    Task<StandingVolume?> BringAsync(StandingOrder order, IProgress<StandingProgress> progress, CancellationToken ct);

    /// <summary>Removes it with the snapshots that were made of it. Removing what is gone succeeds.</summary>
    Task RemoveStandingAsync(StandingVolume volume, CancellationToken ct);
}

/// <param name="Every">From the beginning of one round to that of the next one.</param>
/// <param name="Snapshots">Of application-consistent points, kept of each volume; 0: none are made.</param>
/// <param name="HoldFor">History behind a standing volume is held back this long, when it cannot be brought on.</param>
/// <param name="Groups">The only groups that have some; empty: all.</param>
public sealed record StandingRules(TimeSpan Every, int Snapshots, TimeSpan HoldFor, IReadOnlySet<string> Groups);

/// <param name="Instance">The instance as it is described in the group.</param>
/// <param name="Source">The disk with its view; its point is set.</param>
/// <param name="Point">What the view is of.</param>
public sealed record StandingOrder(InstanceDescription Instance, DiskSource Source, long SizeBytes,
    RecoveryPoint Point);

/// <param name="Bytes">Read or written of <paramref name="Total"/> so far.</param>
/// <param name="Total">Bytes; null: it is not known yet.</param>
public readonly record struct StandingProgress(long Bytes, long? Total);

/// <summary>A volume that is kept near the newest point of a disk.</summary>
/// <param name="Volume">Its name in the group.</param>
/// <param name="Id">Of the volume in the cloud.</param>
public sealed record StandingVolume(string Group, string Volume, string Id)
{
    /// <summary>Null: what it holds is not known, so it is compared or filled anew.</summary>
    public Guid? Replica { get; init; }
    /// <summary>It differs from the state at this sequence only where records between the two touch.</summary>
    public long Low { get; init; }
    /// <summary>As <see cref="Low"/>; both are the same when it is at a point.</summary>
    public long High { get; init; }
    /// <summary>When the point was cut that it is at, or was at last.</summary>
    public DateTimeOffset? CutAt { get; init; }
    /// <summary>Snapshots of it that Lifeboat made.</summary>
    public int Snapshots { get; init; }
    /// <summary>Bytes that the last round wrote.</summary>
    public long Written { get; init; }

    public bool IsAt(Guid replica, long sequence) => Replica == replica && Low == sequence && High == sequence;
}
