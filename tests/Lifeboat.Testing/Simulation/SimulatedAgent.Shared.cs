// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Journaling.Storage;
using Lifeboat.Protection.RecoveryPoints;
using Lifeboat.Replication.Replicas;
using Lifeboat.Replication.Shipping;

namespace Lifeboat.Testing.Simulation;

// Its part in checkpoints that groups of several agents share, as the shipped agent plays it.
public sealed partial class SimulatedAgent
{
    private static readonly TimeSpan SettledWithin = TimeSpan.FromSeconds(10);
    private readonly Dictionary<Guid, GroupSource.SharedCut> _cuts = [];

    internal async Task<bool> ReserveCutAsync(Guid id)
    {
        if (_source is not { } source) return false;
        _cuts[id] = await source.ReserveAsync(default);
        // A coordinator that is gone holds nothing.
        _ = new SimulatedTimer(Process, _ => SettleCut(id, agreed: false), null, SettledWithin,
            Timeout.InfiniteTimeSpan);
        return true;
    }

    internal bool HoldCut(Guid id) => _cuts.TryGetValue(id, out var cut) && cut.Hold();

    /// <returns>It was cut, and every mirror was seen intact afterwards.</returns>
    internal async Task<bool> CutSharedAsync(Guid id)
    {
        if (!_cuts.TryGetValue(id, out var cut)) return false;
        return cut.Cut(id, Process.Clock.GetUtcNow(), "shared").Point is not null && await cut.LookAsync(default);
    }

    /// <returns>False: it is not waiting to be settled.</returns>
    internal bool SettleCut(Guid id, bool agreed)
    {
        if (!_cuts.Remove(id, out var cut)) return false;
        using (cut) cut.Settle(agreed);
        return true;
    }

    /// <summary>What a point holds; null: it is not to be had now.</summary>
    internal async Task<IReadOnlyList<byte[]>?> LookAtAsync(RecoveryPoint point)
    {
        if (_replica is not { } replica) return null;
        var name = $"look-{Process.Id}-{++_audits}";
        try
        {
            var view = await replica.OpenViewAsync(name, point.Sequence, writable: false, default);
            var content = await ReadAsync(replica, view);
            await replica.CloseViewAsync(name, default);
            return content;
        }
        catch (Exception e) when (e is ReplicaException or StorageException or ObjectDisposedException)
        {
            await CloseAuditAsync(replica, name);
            return null;
        }
    }
}
