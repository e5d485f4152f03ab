// SPDX-License-Identifier: Apache-2.0
using System.Collections.Concurrent;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Agents;
using Lifeboat.Contracts.Sites;
using Lifeboat.Controller.Groups;
using Lifeboat.Controller.Peers;
using Lifeboat.Controller.Sides;
using Lifeboat.Controller.Storage;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;
using Lifeboat.Protection.Policies;
using Lifeboat.Protection.RecoveryPoints;
using Lifeboat.Recovery;
using Lifeboat.Recovery.Sides;
using Lifeboat.Sites;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Lifeboat.Controller.Backups;

// Moves volume-only groups: their points are backups that the clouds make and read, or snapshots that their storages
// mirror (BackupMover.Mirroring), and no agent has anything of them.
//
//   ASKED ─► CUTTING: servers at rest, snapshots, servers go on ─► COPYING: one backup after the other
//              │ cut short, not at rest, no snapshot                │ failed, quota
//              ▼                                                    ▼
//            FAILED ─► what was begun is removed                  FAILED
//   COPYING ─► CARRYING: the other site imports the records ─► WHOLE ─► LEAVING: removed there, then here
//
// Invariants: a point is whole at this site only when the other cloud knows all of its backups. A backup goes only
// after all that build on it, and at the recovery site first, so that no point is listed there that cannot be restored.
internal sealed partial class BackupMover(string here, ISite site, GroupStore groups, SpecStore specs,
    PeerDirectory peers, SiteAgents agents, InstanceCatalog instances, BackupPointStore points,
    IHostApplicationLifetime life, TimeProvider time, ILogger<BackupMover> logger) : IRestoresVolumes
{
    private readonly ConcurrentDictionary<string, SemaphoreSlim> _importing = new(StringComparer.Ordinal);

    public bool Moves(string group) => groups.Find(group) is { } record && record.Definition.MovedByCloud;

    /// <exception cref="ProblemException">NotAllowed: the site cannot back volumes up, or not as it is set up.
    /// </exception>
    public async Task RequireReadyAsync(GroupDefinition group, CancellationToken ct)
    {
        var gaps = await AskAsync(group.MovedByMirror ? Mirror().MirrorGapsAsync(ct) : Driver().BackupGapsAsync(ct));
        if (gaps.Count > 0)
            throw new ProblemException(ReasonCode.NotAllowed, $"site {here}: {gaps[0]}", null, gaps);
    }

    /// <summary>Those that can be restored, oldest first.</summary>
    public IReadOnlyList<RecoveryPoint> Points(string group) =>
        [.. points.Of(group).Where(p => p.Phase is BackupPhase.Whole && IsHere(p)).Select(Shown)];

    /// <exception cref="ProblemException">PointUnknown.</exception>
    public void Pin(string group, PinRequest request)
    {
        var point = Require(group, request.PointId);
        if (!point.Pins.Contains(request.Name)) points.Save(point with { Pins = [.. point.Pins, request.Name] });
    }

    public void Unpin(string group, string pin)
    {
        foreach (var point in points.Of(group).Where(p => p.Pins.Contains(pin)))
            points.Save(point with { Pins = [.. point.Pins.Where(p => p != pin)] });
    }

    /// <summary>As a source that reads its group in moments.</summary>
    public SourceStatus? Source(string group)
    {
        if (specs.Source(group) is not { } source || groups.Find(group)?.Definition is not { } definition) return null;
        var all = points.Of(group);
        var now = time.GetUtcNow();
        var last = all.LastOrDefault(p => p.Phase is BackupPhase.Whole);
        var under = all.FirstOrDefault(IsUnderWay);
        var failed = all.LastOrDefault(p => p.Phase is BackupPhase.Failed);
        // One that waits says why; of those that failed only what nothing came after.
        var told = under?.Reason is not (null or ReasonCode.None) ? under
            : failed?.Point.CutAt > last?.Point.CutAt || last is null ? failed : null;
        return new SourceStatus
        {
            Group = group,
            Phase = !source.Active ? SourcePhase.Fenced
                : last is null && told is not null ? SourcePhase.Detached : SourcePhase.Streaming,
            Reason = told?.Reason ?? ReasonCode.None,
            Detail = told?.Detail,
            Since = told?.Point.CutAt ?? last?.Point.CutAt ?? now,
            Epoch = source.Spec.Epoch,
            CapturedSequence = all.Count == 0 ? 0 : all[^1].Point.Sequence,
            DurableSequence = last?.Point.Sequence ?? 0,
            OutboxBytes = 0,
            Lag = last is null ? TimeSpan.Zero : now - last.Point.CutAt,
            CapturedBytes = 0,
            ShippedBytes = 0,
            LastResync = ResyncKind.None,
            ResyncMovedBytes = 0,
            ResyncExaminedBytes = 0,
            ResyncProgress = 1,
            Attaches = all.Count,
            LastSealed = last is null ? null : Shown(last),
            Suspension = definition.Suspension is { } s && s.Holds(now) ? s : null,
            Moments = new MomentsStatus(definition.Policy.SourcePeriod, last?.Point.CutAt,
                last?.Backups.Sum(b => b.StoredBytes) ?? 0, under?.Point.CutAt,
                NextAt(definition, all), all.Count(p => p.Phase is BackupPhase.Failed), failed?.Detail),
            Volumes = [.. definition.Volumes.Select(v => new VolumeStatus(v.Name, true, null, v.SizeBytes))],
        };
    }

    public ReplicaStatus? Replica(string group)
    {
        if (specs.Replica(group) is not { Active: true } replica) return null;
        var all = Points(group);
        return new ReplicaStatus
        {
            Group = group,
            ReplicaId = Guid.Empty,
            Epoch = replica.Accepted,
            Connected = peers.Knows(replica.Spec.PrimarySite) && peers.Client(replica.Spec.PrimarySite).Answers,
            Reason = ReasonCode.None,
            DurableSequence = all.Count == 0 ? 0 : all[^1].Sequence,
            FoldedSequence = all.Count == 0 ? 0 : all[0].Sequence,
            JournalBytes = 0,
            ReceivedBytes = 0,
            RefusedFrames = 0,
            Points = all.Count,
            Newest = all.Count == 0 ? null : all[^1],
            Oldest = all.Count == 0 ? null : all[0],
            Views = [],
        };
    }

    /// <summary>When the primary site answered last: what was written since may be lost.</summary>
    public DateTimeOffset? SourceLastSeen(string group) =>
        groups.Find(group)?.Definition.PrimarySite is { } primary && peers.Knows(primary)
            ? peers.Client(primary).LastSeen : null;

    private static bool IsUnderWay(BackupPoint point) => point.Phase is BackupPhase.Asked or BackupPhase.Cutting
        or BackupPhase.Copying or BackupPhase.Carrying;

    private static RecoveryPoint Shown(BackupPoint point) => point.Point with
    {
        State = point.Pins.Count > 0 ? PointState.Pinned : PointState.Sealed,
    };

    private static DateTimeOffset? NextAt(GroupDefinition group, IReadOnlyList<BackupPoint> all) =>
        all.Count == 0 ? null : all[^1].Point.CutAt + group.Policy.SourcePeriod;

    private BackupPoint Require(string group, Guid point) =>
        points.Find(point) is { Phase: BackupPhase.Whole } found && found.Group == group ? found
            : throw new ProblemException(ReasonCode.PointUnknown, $"group {group} has no point {point} at site {here}",
                $"List them with `lifeboat point list {group}`.");

    private GroupDefinition RequireGroup(string group) => groups.Find(group) is { Removed: false } record
        ? record.Definition : throw new ProblemException(ReasonCode.GroupUnknown, $"site {here} has no group {group}");

    private IBacksUpVolumes Driver() => site as IBacksUpVolumes ?? throw new ProblemException(ReasonCode.NotAllowed,
        $"the driver of site {here} cannot back volumes up", "Volume-only groups are of clouds.");

    /// <summary>Of snapshots and backups of a point.</summary>
    private static string PrefixOf(BackupPoint point) => $"lifeboat/{point.Group}/{point.Point.Id:n}/";

    private static Task<T> AskAsync<T>(Task<T> asked) => SiteProblem.AskAsync(asked);

    private static async Task AskAsync(Task asked)
    {
        try
        {
            await asked;
        }
        catch (SiteException e)
        {
            throw SiteProblem.Of(e);
        }
    }

    [LoggerMessage(EventIds.BackupPointWhole, LogLevel.Information,
        "Point {Point} of {Group} is whole at both sites after {Seconds:0.0} s")]
    private partial void LogWhole(Guid point, string group, double seconds);

    [LoggerMessage(EventIds.BackupPointFailed, LogLevel.Warning, "No point {Point} of {Group}: {Reason}: {Message}")]
    private partial void LogFailed(Guid point, string group, ReasonCode reason, string message);

    [LoggerMessage(EventIds.BackupPointWaits, LogLevel.Warning,
        "Point {Point} of {Group} waits: {Reason}: {Message}")]
    private partial void LogWaits(Guid point, string group, ReasonCode reason, string message);

    [LoggerMessage(EventIds.BackupPointRemoved, LogLevel.Information, "Point {Point} of {Group} was removed")]
    private partial void LogRemoved(Guid point, string group);
}
