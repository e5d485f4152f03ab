// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection.RecoveryPoints;
using Lifeboat.Testing.Storage;

namespace Lifeboat.Testing.Simulation;

/// <summary>
/// An operator puts a replica back as a snapshot of its storage had it a while ago. What was said of it since is void;
/// what a point holds is not.
/// </summary>
internal sealed class Restoring
{
    private readonly SimulatedHost _host;
    private readonly WantedReplica _wanted;
    private readonly SimulatedDisk _copy;
    private readonly long _durable;
    private readonly RecoveryPoint? _newest;

    private Restoring(SimulatedHost host, WantedReplica wanted, SimulatedAgent agent, Prng dice)
    {
        (_host, _wanted) = (host, wanted);
        (_durable, _newest) = (wanted.Durable, wanted.Newest);
        _copy = host.Disk.Fork(dice, agent.FoldersOf(wanted));
        _copy.Crash(CrashStyle.LoseAll);
    }

    /// <summary>Null: there is nothing to copy now.</summary>
    public static Restoring? Copy(SimulatedHost host, Prng dice) =>
        host is { Lies: false, ReplicaWanted: { Durable: > 0 } wanted, Views.Count: 0 }
        && host.Agent is { Process: { Alive: true, Paused: false } } agent
            ? new Restoring(host, wanted, agent, dice)
            : null;

    /// <returns>False: the replica is another now, or somebody relies on it.</returns>
    public bool PutBack()
    {
        if (_host.ReplicaWanted != _wanted || _host.Views.Count > 0) return false;
        if (_host.World.Oracle.FenceOf(_wanted) is not null) return false;
        if (_newest is null && _host.World.WasProtected) return false;
        _host.Crash();
        _host.Disk.PutBack(_copy);
        _wanted.Forget(_durable, _newest);
        return true;
    }
}
