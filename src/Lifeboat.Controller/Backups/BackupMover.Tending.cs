// SPDX-License-Identifier: Apache-2.0
using System.Collections.Concurrent;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Sites;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;
using Microsoft.Extensions.Logging;

namespace Lifeboat.Controller.Backups;

internal sealed partial class BackupMover
{
    // A point that waits for its cloud or for the other site waits as long as that; the next one waits behind it.
    private static readonly TimeSpan TriedAgain = TimeSpan.FromSeconds(15);
    // After one that failed, where the period is longer.
    private static readonly TimeSpan AskedAgain = TimeSpan.FromMinutes(10);

    private readonly ConcurrentDictionary<string, long> _thinned = new(StringComparer.Ordinal);

    /// <summary>
    /// One round for a group: the point that is under way goes on, one that is due is asked for, what nobody keeps is
    /// removed. For who has the group's lease.
    /// </summary>
    public async Task TendAsync(string group, CancellationToken ct)
    {
        if (groups.Find(group) is not { } record) return;
        if (record.Removed)
        {
            await ForgetAsync(group, ct);
            return;
        }
        var definition = record.Definition;
        var isSource = definition.MovedByCloud && definition.PrimarySite == here
            && specs.Source(group) is { Active: true };
        if (isSource) AskIfDue(definition);
        foreach (var point in points.Of(group).Where(p => p.Site == here && IsUnderWay(p)))
        {
            var isCurrent = isSource && point.Point.Epoch == definition.Epoch;
            var went = isCurrent ? await AdvanceAsync(definition, point, ct)
                : await FailAsync(point, ReasonCode.PrimaryMoved, $"site {definition.PrimarySite} is primary in epoch "
                    + $"{definition.Epoch}", ct);
            if (!went) break;
        }
        foreach (var failed in points.Of(group).Where(p => p is { Phase: BackupPhase.Failed, Cleaned: false }))
            await CleanAsync(failed, ct);
        // Of those that failed one after the other the last says why.
        var past = points.Of(group).Where(p => p is { Phase: BackupPhase.Failed, Cleaned: true });
        foreach (var older in past.SkipLast(1)) points.Remove(older.Point.Id);
        if (!isSource) return;
        // The site that was primary before had begun to tell of it, and will not go on.
        foreach (var half in points.Of(group).Where(p => p.Site != here && p.Phase is BackupPhase.Carrying))
            await AskAgainAsync(group, () => RemoveHereAsync(half, ct), ct);
        await ThinAsync(definition, ct);
    }

    private void AskIfDue(GroupDefinition group)
    {
        var now = time.GetUtcNow();
        var all = points.Of(group.Name);
        if (group.Suspension is { } suspension && suspension.Holds(now) || all.Any(IsUnderWay)) return;
        // The first of an epoch is due at once: before it the group is not protected.
        var last = all.LastOrDefault(p => p.Point.Epoch == group.Epoch);
        var period = last?.Phase is BackupPhase.Failed && group.Policy.SourcePeriod > AskedAgain ? AskedAgain
            : group.Policy.SourcePeriod;
        if (last is null || now - last.Point.CutAt >= period) Ask(group, null, clean: false);
    }

    /// <returns>False: it waits.</returns>
    private async Task<bool> AdvanceAsync(GroupDefinition group, BackupPoint point, CancellationToken ct)
    {
        var began = time.GetTimestamp();
        try
        {
            if (point.Phase is BackupPhase.Cutting)
                return await FailAsync(point, ReasonCode.RunFailed, "the controller was ended while servers were held; "
                    + "whether the snapshots are of one moment is not known", ct);
            if (point.Phase is BackupPhase.Asked) points.Save(point = await CutAsync(group, point, ct));
            if (point.Phase is BackupPhase.Copying) point = await CopyAsync(group, point, ct);
            await peers.Side(group.RecoverySite).ReceiveBackupsAsync(group.Name, point, ct);
            points.Save(point with { Phase = BackupPhase.Whole, Reason = ReasonCode.None, Detail = null });
            LogWhole(point.Point.Id, group.Name, time.GetElapsedTime(began).TotalSeconds);
            DropFailed(group.Name);
            return true;
        }
        catch (ProblemException e)
        {
            var now = points.Find(point.Point.Id) ?? point;
            if (now.Phase is BackupPhase.Copying or BackupPhase.Carrying && MayPass(e.Reason))
            {
                if (now.Reason != e.Reason) LogWaits(point.Point.Id, group.Name, e.Reason, e.Message);
                points.Save(now with { Reason = e.Reason, Detail = e.Message });
                await Task.Delay(TriedAgain, time, ct);
                return false;
            }
            return await FailAsync(now, e.Reason, e.Detail is null ? e.Message : $"{e.Message}. {e.Detail}", ct);
        }
    }

    // One after the other: the cloud's backup service is everybody's.
    private async Task<BackupPoint> CopyAsync(GroupDefinition group, BackupPoint point, CancellationToken ct)
    {
        var volumes = await VolumesAsync(group, ct);
        foreach (var (name, snapshot) in point.Snapshots.OrderBy(s => s.Key, StringComparer.Ordinal))
        {
            if (point.Backups.Any(b => b.Volume == name)) continue;
            if (!volumes.TryGetValue(name, out var volume))
                throw new ProblemException(ReasonCode.VolumeUnknown, $"{name} is not in group {group.Name} any more");
            var backup = group.MovedByMirror ? await CarryAsync(point, name, volume.Id, snapshot, ct)
                : await AskAsync(Driver().BackUpAsync(new BackUpRequest(PrefixOf(point) + name, name, volume.Id,
                    snapshot, BackupChains.Parent(points.Of(group.Name), here, volume.Id)), ct));
            points.Save(point = point with { Backups = [.. point.Backups, backup], Reason = ReasonCode.None });
        }
        if (!group.MovedByMirror) await AskAsync(Driver().RemoveSnapshotsAsync(PrefixOf(point), ct));
        point = point with { Phase = BackupPhase.Carrying, Snapshots = new Dictionary<string, string>() };
        points.Save(point);
        return point;
    }

    private async Task<bool> FailAsync(BackupPoint point, ReasonCode reason, string detail, CancellationToken ct)
    {
        LogFailed(point.Point.Id, point.Group, reason, detail);
        var failed = point with { Phase = BackupPhase.Failed, Reason = reason, Detail = detail };
        points.Save(failed);
        await CleanAsync(failed, ct);
        return true;
    }

    // Tried again with every round until nothing of it is left.
    private async Task CleanAsync(BackupPoint failed, CancellationToken ct)
    {
        var other = groups.Find(failed.Group)?.Definition.Other(here);
        try
        {
            // Its records may have been imported there before it failed here.
            if (failed.Backups.Count > 0 && other is not null && peers.Knows(other))
                await DropThereAsync(other, failed, ct);
            await RemoveStoredAsync(failed with { Backups = [] }, ct);
            if (!IsMirrored(failed)) await AskAsync(Driver().RemoveSnapshotsAsync(PrefixOf(failed), ct));
            points.Save(failed with { Cleaned = true, Backups = [], Snapshots = new Dictionary<string, string>() });
        }
        catch (ProblemException e)
        {
            LogWaits(failed.Point.Id, failed.Group, e.Reason, e.Message);
            await Task.Delay(TriedAgain, time, ct);
        }
    }

    private async Task DropThereAsync(string other, BackupPoint failed, CancellationToken ct)
    {
        try
        {
            await peers.Side(other).DropBackupsAsync(failed.Group, failed.Point.Id, ct);
        }
        catch (ProblemException e) when (e.Reason is ReasonCode.PrimaryMoved or ReasonCode.GroupUnknown)
        {
            // It removes by itself what it had been told of.
        }
    }

    // Why the last one failed is worth knowing until one did not.
    private void DropFailed(string group)
    {
        foreach (var failed in points.Of(group).Where(p => p is { Phase: BackupPhase.Failed, Cleaned: true }))
            points.Remove(failed.Point.Id);
    }

    private async Task ThinAsync(GroupDefinition group, CancellationToken ct)
    {
        if (_thinned.TryGetValue(group.Name, out var last) && time.GetElapsedTime(last) < TriedAgain) return;
        _thinned[group.Name] = time.GetTimestamp();
        var all = points.Of(group.Name);
        await AskAgainAsync(group.Name, async () =>
        {
            foreach (var leaving in all.Where(p => p.Phase is BackupPhase.Leaving).Reverse())
                await RemoveAsync(group, leaving, ct);
            var none = new HashSet<Guid>();
            if (BackupChains.Removable(all, none, group.Policy.Retention, time.GetUtcNow()).Count == 0) return;
            // Held there by a person, or by a run that restores it.
            var pinned = (await peers.Side(group.RecoverySite).PointsAsync(group.Name, ct))
                .Where(p => p.State is Protection.RecoveryPoints.PointState.Pinned).Select(p => p.Id).ToHashSet();
            foreach (var going in BackupChains.Removable(all, pinned, group.Policy.Retention, time.GetUtcNow()))
            {
                points.Save(going with { Phase = BackupPhase.Leaving });
                await RemoveAsync(group, going, ct);
            }
        }, ct);
    }

    // What does not go now is tried again with the next round.
    private async Task AskAgainAsync(string group, Func<Task> remove, CancellationToken ct)
    {
        try
        {
            await remove();
        }
        catch (ProblemException e)
        {
            LogNotRemoved(group, e.Reason, e.Message);
            await Task.Delay(TriedAgain, time, ct);
        }
    }

    private async Task RemoveAsync(GroupDefinition group, BackupPoint leaving, CancellationToken ct)
    {
        try
        {
            await peers.Side(group.RecoverySite).DropBackupsAsync(group.Name, leaving.Point.Id, ct);
        }
        catch (ProblemException e) when (e.Reason is ReasonCode.Conflict)
        {
            // Pinned meanwhile: it stays.
            points.Save(leaving with { Phase = BackupPhase.Whole });
            return;
        }
        await RemoveHereAsync(leaving, ct);
    }

    private async Task RemoveHereAsync(BackupPoint point, CancellationToken ct)
    {
        await RemoveStoredAsync(point, ct);
        points.Remove(point.Point.Id);
        LogRemoved(point.Point.Id, point.Group);
    }

    // The group was deleted: each site removes what its own cloud knows.
    private async Task ForgetAsync(string group, CancellationToken ct)
    {
        await AskAgainAsync(group, async () =>
        {
            if (groups.Find(group)?.Definition is { MovedByMirror: true } mirrored) await LetGoAsync(mirrored, ct);
            foreach (var point in points.Of(group).Reverse())
            {
                if (!IsMirrored(point)) await AskAsync(Driver().RemoveSnapshotsAsync(PrefixOf(point), ct));
                await RemoveHereAsync(point, ct);
            }
        }, ct);
    }

    private static bool MayPass(ReasonCode reason) => reason is ReasonCode.CloudUnavailable
        or ReasonCode.CloudUnauthorised or ReasonCode.PeerUnreachable or ReasonCode.DatabaseUnavailable
        or ReasonCode.GroupUnknown or ReasonCode.RequestUnderWay;

    [LoggerMessage(EventIds.BackupNotRemoved, LogLevel.Warning,
        "What {Group} does not need any more is not removed yet: {Reason}: {Message}")]
    private partial void LogNotRemoved(string group, ReasonCode reason, string message);
}
