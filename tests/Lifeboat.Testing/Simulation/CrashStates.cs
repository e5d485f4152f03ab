// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Testing.Storage;

namespace Lifeboat.Testing.Simulation;

/// <summary>
/// The crash-state explorer. Beside a running world it takes stretches of consecutive changes to a host's disk (writes
/// with data, zeroes, lengths, flushes, creations, renames, deletions, syncs; of journal, manifest, overlays and base
/// images); after each single one it forks the disk and lets the fork crash in every style, alone and again in the
/// middle of the recovery. Each of these states is opened by the shipped replica and must keep what was promised up to
/// then. The world itself goes on as if nothing had been looked at.
/// </summary>
internal sealed class CrashStates
{
    private static readonly CrashStyle[] Styles = Enum.GetValues<CrashStyle>();
    private const int StretchMax = 60;
    private readonly SimulatedWorld _world;
    private readonly Prng _prng;
    private long _left;
    private int _stretch;
    private bool _busy;

    public CrashStates(SimulatedWorld world, long states)
    {
        (_world, _left) = (world, states);
        // Its own dice: a world with and without the explorer is the same world.
        _prng = new Prng(world.Options.Seed ^ 0xC4A5_57A7_E5C4_A557);
        foreach (var host in new[] { world.A, world.B }) host.Disk.Changed = (_, verb, _) => Look(host, verb);
    }

    private void Look(SimulatedHost host, DiskVerb verb)
    {
        if (_left <= 0 || _busy || _world.Violation is not null) return;
        // What changes names, lengths or zeroes happens rarely and breaks most: it is always looked at.
        var rare = verb is not (DiskVerb.Write or DiskVerb.Flush);
        if (_stretch > 0) _stretch--;
        else if (_prng.Chance(0.002)) _stretch = _prng.Next(StretchMax);
        else if (!rare || !_prng.Chance(0.2)) return;
        if (host.Lies || host.ReplicaWanted is not { HasDecayed: false } wanted
            || host.Agent is not { Process.Alive: true } agent) return;
        var outer = SynchronizationContext.Current;
        _busy = true;
        try
        {
            // Everything on a fork answers at once, so nothing of this leaves the step it is in.
            SynchronizationContext.SetSynchronizationContext(null);
            Explore(host, wanted, agent);
        }
        finally
        {
            SynchronizationContext.SetSynchronizationContext(outer);
            _busy = false;
        }
    }

    private void Explore(SimulatedHost host, WantedReplica wanted, SimulatedAgent agent)
    {
        foreach (var style in Styles)
        {
            foreach (var again in new[] { false, true })
            {
                if (_left <= 0 || _world.Violation is not null) return;
                // A second crash in every fourth recovery.
                if (again && !_prng.Chance(0.25)) continue;
                _left--;
                _world.Count("crash states");
                var state = new CrashState(_world, host.Disk.Fork(_prng.Fork(), agent.FoldersOf(wanted)), wanted,
                    agent.Promises(wanted), _prng.Fork());
                var run = state.RunAsync(style, again);
                if (!run.IsCompleted) _world.Violate("simulation", "a recovery waits for something");
            }
        }
    }
}
