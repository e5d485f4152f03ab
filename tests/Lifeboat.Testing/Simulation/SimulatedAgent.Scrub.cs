// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Journaling.Storage;
using Lifeboat.Protection.RecoveryPoints;
using Lifeboat.Replication.Replicas;
using Lifeboat.Testing.Replicas;

namespace Lifeboat.Testing.Simulation;

// Scrubbing, where media decay.
public sealed partial class SimulatedAgent
{
    private ReplicaScrubber? _scrubber;
    private CancellationTokenSource? _scrubbing;
    private DateTimeOffset? _scrubbedAt;

    /// <summary>The replica that is open, when it is the one that is wanted.</summary>
    internal Replica? Opened(WantedReplica wanted) => _opened == wanted ? _replica : null;

    /// <summary>Begins a scrub, or hurries the one under way.</summary>
    internal void AskForScrub() => _scrubber?.Ask();

    private void BeginScrubbing(Replica replica)
    {
        if (!_world.Climate.Scrubs) return;
        var stop = _scrubbing = new CancellationTokenSource();
        var options = ScrubOptions.Default with
        {
            BytesPerSecond = 1 << 20,
            AskedBytesPerSecond = 16 << 20,
            FirstAfter = TimeSpan.FromSeconds(0.5),
            Every = TimeSpan.FromSeconds(0.7),
            RetryAfter = TimeSpan.FromSeconds(1),
        };
        var scrubber = _scrubber = new ReplicaScrubber(replica, options, Process.Clock);
        _scrubbedAt = replica.ScrubState.LastPassAt;
        Process.Start(() => ScrubAsync(scrubber, stop.Token));
    }

    private void StopScrubbing()
    {
        _scrubbing?.Cancel();
        (_scrubber, _scrubbing) = (null, null);
    }

    private async Task ScrubAsync(ReplicaScrubber scrubber, CancellationToken ct)
    {
        try
        {
            await scrubber.RunAsync(ct);
        }
        catch (OperationCanceledException) when (ct.IsCancellationRequested)
        {
            // The replica is being closed.
        }
        catch (ObjectDisposedException) when (ct.IsCancellationRequested)
        {
            // It was closed under a read.
        }
    }

    private void WatchScrub(Replica replica)
    {
        if (replica.ScrubState.LastPassAt is not { } last || last == _scrubbedAt) return;
        _scrubbedAt = last;
        _host.Decay.PassEnded();
        _world.Count("scrubs");
    }

    private async Task DeleteRefusedAsync(WantedReplica refused)
    {
        await Replica.DeleteAsync(Definition(refused), StorageOf(refused), new SimulatedReplicaStore(_host.Disk),
            default);
        _host.MakeReplicaAnew(refused);
    }

    /// <summary>
    /// Whatever was damaged is whole again: nothing waits for the source, and the newest point has lost nothing.
    /// </summary>
    internal bool IsSound => _replica is { Points: [.., var newest] } replica
        && replica.Lost.Count == 0 && newest.State != PointState.Damaged;

    /// <summary>Its record is gone, and so is named: by itself, or as the stretch that it was in.</summary>
    internal bool IsLostToDecay(RecoveryPoint point) =>
        _replica is { } replica && _opened is { HasDecayed: true } && IsLost(replica, point);

    private static IEnumerable<ReplicaDamage> Named(Replica replica) => replica.Damages.Concat(replica.Repaired);

    private static bool IsLost(Replica replica, RecoveryPoint point) => replica.Points.All(p => p.Id != point.Id)
        && Named(replica).Any(d => d.Place == DamagePlace.Record ? d.Sequence == point.Sequence
            : d.IsStretch && d.Sequence <= point.Sequence);

    // After decay the end of the journal or the record of a point may be lost, and is named; only what is named is
    // void.
    private void CheckAfterDecay(Replica replica, WantedReplica wanted)
    {
        var end = wanted.MayHaveTornEnd || Named(replica).Any(d => d.Place == DamagePlace.JournalEnd);
        var point = wanted.Newest is { } newest && IsLost(replica, newest);
        if (!point && !(end && replica.DurableSequence < wanted.Durable)) return;
        _world.Count(point ? "points lost to decay" : "ends lost to decay");
        wanted.Forget(replica.DurableSequence, replica.Points.Count > 0 ? replica.Points[^1] : null);
    }
}
