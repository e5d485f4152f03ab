// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection.RecoveryPoints;
using Lifeboat.Testing.Storage;

namespace Lifeboat.Testing.Simulation;

// Media that do not keep what they were given.
public sealed partial class SimulatedHost
{
    private Lie? _lie;

    /// <summary>The cache of the disk says that it flushed and does not, until power is lost.</summary>
    internal bool Lies => _lie is not null;

    /// <returns>False: nothing was promised yet, or somebody relies on what is there.</returns>
    internal bool BeginToLie()
    {
        if (_lie is not null || ReplicaWanted is not { Durable: > 0 } wanted || Views.Count > 0
            || Agent is not { Process: { Alive: true, Paused: false } } agent
            || World.Oracle.FenceOf(wanted) is not null
            || (wanted.Newest is null && World.WasProtected)) return false;
        agent.Watch();
        _lie = new Lie(wanted, wanted.Durable, wanted.Newest);
        Disk.Lies = true;
        World.Count("disks that lied");
        return true;
    }

    // A drive that lies has what it wrote last in its cache: it loses the end of what came in, in that order. Of one
    // that loses any of it nobody below a second copy of everything could tell.
    private void CrashDisk()
    {
        if (ReplicaWanted is { } replica) replica.LostPower();
        if (_lie is not { } lie)
        {
            Disk.Crash();
            return;
        }
        Disk.Crash(CrashStyle.Prefix);
        Disk.Lies = false;
        _lie = null;
        lie.Wanted.Forget(lie.Durable, lie.Newest);
    }

    /// <summary>
    /// A replica that has lost too much to be taken apart is refused, and an operator has it made anew.
    /// </summary>
    internal void MakeReplicaAnew(WantedReplica refused)
    {
        if (ReplicaWanted != refused) return;
        _replicasMade++;
        var anew = new WantedReplica(refused.Epoch, refused.PrimarySite, refused.Volumes, refused.Retention);
        // The source goes on saying what it knows of the one before until it has heard of this one.
        anew.Forget(0, null);
        ReplicaWanted = anew;
        World.Count("replicas refused as damaged");
    }

    private sealed record Lie(WantedReplica Wanted, long Durable, RecoveryPoint? Newest);
}
