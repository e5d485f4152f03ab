// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Contracts.Agents;
using Lifeboat.Contracts.Sites;
using Lifeboat.Controller.Sides;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;
using Lifeboat.Protection.RecoveryPoints;
using Lifeboat.Recovery.Runs;
using Lifeboat.Sites;

namespace Lifeboat.Controller.Standing;

// One round of one group.
//
//   hold the point that the volumes are at -> choose a newer one, hold it too -> its view -> each volume -> let go of
//   the view -> hold the new point instead of the old one
//
// Invariant: a point at or before every state that a volume may be at is pinned from before the volume is written to,
// so history is not folded past it, and what differs is known. Only when a volume cannot be brought on for longer than
// the rules hold history back is it let go; the volume is compared then.
internal sealed class StandingRound(IKeepsStandingVolumes site, LocalSide here, GroupDefinition group, Tenure tenure,
    StandingBook book, TimeProvider time)
{
    /// <summary>Names of the view and of the pins.</summary>
    public const string View = "standing";
    public const string Pin = "standing";
    private const string NextPin = "standing-next";

    private readonly StandingRules _rules = site.StandingRules!;
    private readonly string _group = group.Name;

    public async Task RunAsync(CancellationToken ct)
    {
        if (await here.ReplicaAsync(_group, ct) is not { } replica) return;
        var start = time.GetTimestamp();
        var points = Usable(await here.PointsAsync(_group, ct));
        if (points.Count == 0) return;
        var there = await ThereAsync(ct);
        await HoldAsync(replica.ReplicaId, points, there, ct);
        var missing = false;
        foreach (var point in Targets(replica.ReplicaId, points, there))
            missing |= !await BringAsync(point, there, ct);
        await HoldAsync(replica.ReplicaId, points, await ThereAsync(ct), ct);
        if (!missing) book.Ended(_group, time.GetUtcNow(), time.GetElapsedTime(start));
    }

    /// <summary>Nothing of the group's history is held back for standing volumes any more.</summary>
    public static async Task LetGoAsync(LocalSide here, string group, CancellationToken ct)
    {
        if (await here.ReplicaAsync(group, ct) is null) return;
        await here.CloseViewAsync(group, View, ct);
        await here.UnpinAsync(group, NextPin, ct);
        await here.UnpinAsync(group, Pin, ct);
    }

    private async Task<IReadOnlyList<StandingVolume>> ThereAsync(CancellationToken ct)
    {
        IReadOnlyList<StandingVolume> there = [.. (await site.StandingAsync(ct)).Where(v => v.Group == _group)];
        book.See(_group, there);
        return there;
    }

    private static List<RecoveryPoint> Usable(IEnumerable<RecoveryPoint> points) =>
    [
        .. points.Where(p => p is { IsOrigin: false, State: PointState.Sealed or PointState.Verified
            or PointState.Pinned }).OrderBy(p => p.Sequence),
    ];

    // On the way to the newest point the newest application-consistent one, where that is to become a snapshot.
    private IEnumerable<RecoveryPoint> Targets(Guid replica, List<RecoveryPoint> points,
        IReadOnlyList<StandingVolume> there)
    {
        var newest = points[^1];
        var reached = there.Where(v => v.Replica == replica).Select(v => v.High).DefaultIfEmpty(-1).Max();
        var consistent = _rules.Snapshots == 0 ? null : points.LastOrDefault(p =>
            p.Sequence > reached && p.Sequence < newest.Sequence && IsConsistent(p));
        if (consistent is not null) yield return consistent;
        yield return newest;
    }

    private static bool IsConsistent(RecoveryPoint point) => point.Consistency >= Consistency.Application
        || point.Quiesced.Values.Any(c => c >= Consistency.Application);

    private async Task HoldAsync(Guid replica, List<RecoveryPoint> points, IReadOnlyList<StandingVolume> there,
        CancellationToken ct)
    {
        var low = there.Where(v => v.Replica == replica).Select(v => (long?)v.Low).Min();
        var held = low is null ? null : points.LastOrDefault(p => p.Sequence <= low);
        if (held is not null && time.GetUtcNow() - held.CutAt < _rules.HoldFor)
            await here.PinAsync(_group, new PinRequest(Pin, held.Id), ct);
        else
            await here.UnpinAsync(_group, Pin, ct);
        await here.UnpinAsync(_group, NextPin, ct);
    }

    private async Task<bool> BringAsync(RecoveryPoint point, IReadOnlyList<StandingVolume> there, CancellationToken ct)
    {
        // What a controller that was killed had open is of another point.
        await here.CloseViewAsync(_group, View, ct);
        await here.PinAsync(_group, new PinRequest(NextPin, point.Id), ct);
        var view = await here.OpenViewAsync(_group, new ViewRequest(View, point.Id, null, Writable: false), ct);
        try
        {
            var whole = true;
            foreach (var member in group.Members.Where(m => m.Kind is MemberKind.Replicated))
                foreach (var volume in member.Volumes)
                    whole &= await BringAsync(member, volume, view, point, there, ct);
            return whole;
        }
        finally
        {
            await here.CloseViewAsync(_group, View, CancellationToken.None);
        }
    }

    private async Task<bool> BringAsync(GroupMember member, GroupVolume volume, ViewInfo view, RecoveryPoint point,
        IReadOnlyList<StandingVolume> there, CancellationToken ct)
    {
        if (view.Volumes.FirstOrDefault(v => v.Name == volume.Name) is not { } source
            || view.Replica is not { } replica) return true;
        tenure.ThrowIfOver();
        var order = new StandingOrder(member.Description,
            new DiskSource(volume.Disk, null, source.Socket, source.Export, KeepWrites: true)
            {
                Point = new ViewPoint(_group, volume.Name, replica, view.Sequence),
            }, source.SizeBytes, point);
        var progress = new Told(p => book.Moving(_group, volume.Name, p));
        var brought = await site.BringAsync(order, progress, ct);
        if (brought is not null)
        {
            book.Brought(_group, brought);
            return brought.IsAt(replica, view.Sequence);
        }
        // It is to have none (any more).
        foreach (var surplus in there.Where(v => v.Volume == volume.Name)) await site.RemoveStandingAsync(surplus, ct);
        book.Gone(_group, volume.Name);
        return true;
    }

    // In order, and on the thread that tells: Progress posts to whichever.
    private sealed class Told(Action<StandingProgress> tell) : IProgress<StandingProgress>
    {
        public void Report(StandingProgress value) => tell(value);
    }
}
