// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Agents;
using Lifeboat.Journaling.Segments;
using Lifeboat.Journaling.Storage;
using Lifeboat.Protection;
using Lifeboat.Protection.RecoveryPoints;
using Lifeboat.Replication.Replicas;
using Lifeboat.Testing.Replicas;
using Lifeboat.Testing.Storage;

namespace Lifeboat.Testing.Simulation;

// The recovery side: keeps the wanted replica open, serves links, folds.
public sealed partial class SimulatedAgent
{
    private Replica? _replica;
    private WantedReplica? _opened;
    private bool _opening;

    public async Task StartReplicaAsync()
    {
        if (_replica is not null && _opened == _host.ReplicaWanted) return;
        await OpenReplicaAsync();
        if (_replica is null) throw Unready("the replica cannot be opened now");
    }

    public async Task RaiseEpochAsync(Epoch epoch)
    {
        if (_host.ReplicaWanted is not { } wanted) return;
        if (_replica is not { } replica || _receiver is not { } receiver) throw Unready("the replica is not open");
        if (replica.Epoch >= epoch) return;
        await RefusingAsync(() => receiver.RaiseEpochAsync(epoch, 0, default));
        _world.Oracle.Fenced(wanted, epoch, replica.AppendedSequence);
    }

    public async Task TellMovesAsync(Epoch epoch, long moves)
    {
        if (_host.ReplicaWanted is null || _receiver is not { } receiver) throw Unready("the replica is not open");
        await RefusingAsync(() => receiver.RaiseEpochAsync(epoch, moves, default));
    }

    public async Task DropReplicaAsync(WantedReplica wanted)
    {
        // An agent that has just started may be about to open it.
        while (_opening) await Process.Clock.DelayAsync(TimeSpan.FromMilliseconds(10));
        await CloseReplicaAsync();
        await RefusingAsync(() => Replica.DeleteAsync(Definition(wanted), StorageOf(wanted),
            new SimulatedReplicaStore(_host.Disk), default));
    }

    public ReplicaStatus? ReplicaStatus()
    {
        if (_host.ReplicaWanted is null) return null;
        if (_replica is not { } replica) throw Unready("the replica is not open");
        return new ReplicaStatus
        {
            Group = "g1",
            ReplicaId = replica.ReplicaId,
            Epoch = replica.Epoch,
            Connected = false,
            Reason = ReasonCode.None,
            DurableSequence = replica.DurableSequence,
            FoldedSequence = replica.FoldedSequence,
            JournalBytes = replica.JournalBytes,
            ReceivedBytes = 0,
            RefusedFrames = 0,
            Points = replica.Points.Count,
            Newest = replica.Points.Count > 0 ? replica.Points[^1] : null,
            Oldest = replica.Points.Count > 0 ? replica.Points[0] : null,
            Views = [.. _host.Views.Keys],
        };
    }

    public IReadOnlyList<RecoveryPoint> Points() => [.. _kept.Values.SelectMany(k => k.Points), .. Open.Points];

    /// <summary>For checkers: what it lists now; null: its replica is not open.</summary>
    public IReadOnlyList<RecoveryPoint>? PointsNow => _replica?.Points;

    private Replica Open => _replica ?? throw Unready("the replica is not open");

    private async Task OpenReplicaAsync()
    {
        if (_opening) return;
        _opening = true;
        await CloseReplicaAsync();
        while (_host.ReplicaWanted is { } wanted)
        {
            try
            {
                var replica = await Replica.OpenAsync(
                    Definition(wanted), OptionsOf(_prng, _warm), StorageOf(wanted),
                    new SimulatedReplicaStore(_host.Disk), Process.Clock, default);
                (_replica, _opened) = (replica, wanted);
                break;
            }
            catch (ReplicaException e) when (e.Fault == ReplicaFault.Corrupt && wanted.HasDecayed)
            {
                _world.Say(Process.Name, $"refuses the replica: {e.Message}");
                await DeleteRefusedAsync(wanted);
            }
            catch (Exception e) when (e is StorageException or ReplicaStoreException)
            {
                _world.Say(Process.Name, $"cannot open the replica: {e.Message}");
                await Process.Clock.DelayAsync(TimeSpan.FromSeconds(0.5));
            }
        }
        _opening = false;
        if (_replica is not { } opened || _opened is not { } promised) return;
        Serve(opened, promised);
        await CheckPromisesAsync(opened, promised);
    }

    private async Task CloseReplicaAsync()
    {
        if (_replica is not { } replica) return;
        (_replica, _opened) = (null, null);
        _leased.Clear();
        StopScrubbing();
        await StopServingAsync();
        await replica.DisposeAsync();
    }

    internal static ReplicaDefinition Definition(WantedReplica wanted) =>
        new(wanted.Key, wanted.Epoch, wanted.Volumes, wanted.Retention, wanted.Origin);

    internal static ReplicaOptions OptionsOf(Prng prng, WarmBudget warm) => new()
    {
        NewId = prng.NextGuid,
        FoldRunBytes = 64 << 10,
        Journal = new JournalOptions
        {
            NewSalt = prng.NextUInt64, SegmentBytes = 64 << 10, ReserveBytes = 16 << 10, WholeBlocksFrom = 2 << 10,
            Warm = warm,
        },
    };

    private SimulatedStorage StorageOf(WantedReplica wanted) => new(_host.Disk, FolderOf(wanted));

    internal static string FolderOf(WantedReplica wanted) =>
        wanted.Origin is { } kept ? $"kept-{kept.Pin}" : $"replica-{wanted.Epoch}";

    internal IEnumerable<string> FoldersOf(WantedReplica wanted) => [FolderOf(wanted), SimulatedReplicaStore.Folder];

    /// <summary>What the replica says of itself now, to be held against what is left after a crash.</summary>
    internal ReplicaPromises Promises(WantedReplica wanted) => _replica is { } replica && _opened == wanted
        ? new ReplicaPromises(replica.ReplicaId, replica.Points, _leased.ToArray())
        : new ReplicaPromises(null, [], []);
}
