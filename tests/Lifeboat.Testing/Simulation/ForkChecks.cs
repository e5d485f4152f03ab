// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection.Groups;
using Lifeboat.Protection.Plans;
using Lifeboat.Protection.RecoveryPoints;
using Lifeboat.Recovery.Runs;

namespace Lifeboat.Testing.Simulation;

/// <summary>
/// I5: from a fork on until somebody chose, neither site gives anything up: its instance and disks, the replica that
/// the failover began from, the point that both have in common. From then on what gave way stays, byte for byte as its
/// disks were left. And the way back together moves at most 1.2 times what both sides changed.
/// </summary>
internal sealed class ForkChecks(SimulatedWorld world)
{
    private const int BlockSectors = 8;
    private const double Margin = 1.2;
    private readonly List<(SimulatedHost Host, string Pin, SimulatedInstance Left)> _gaveWay = [];
    private Open? _open;
    private (SimulatedHost Winner, Open Fork, int Strikes)? _joining;

    /// <summary>Where it is kept, under which name, and whose disks it is.</summary>
    public IReadOnlyList<(SimulatedHost Host, string Pin, SimulatedInstance Left)> GaveWay => _gaveWay;

    /// <summary>Site b took over; nobody has chosen yet.</summary>
    public void Begin()
    {
        var fork = world.B.Group!.Fork!;
        var cut = world.A.Time.MomentsOf(fork.CutAt).Min();
        _open = new Open(fork, world.A.Instance!, world.B.Instance!, world.B.ReplicaWanted!, cut, world.Scheduler.Now);
    }

    public void Watch()
    {
        if (_open is not { } open) return;
        // From the new epoch on it is a choice, also while it is being carried out.
        if (world.A.Group!.Fork?.Loser is not null || world.B.Group!.Fork?.Loser is not null) return;
        if (world.B.Group.Fork is null) world.Violate("I5", "nobody chose, and the fork is forgotten");
        if (world.A.Instance != open.A || world.B.Instance != open.B)
            world.Violate("I5", "an instance was made anew before anybody chose");
        if (world.B.ReplicaWanted != open.Replica || world.B.ReplicaUnwanted is not null)
            world.Violate("I5", "the replica that the failover began from was given up before anybody chose");
        if (world.B.Agent is not { Process: { Alive: true, Paused: false } } agent || agent.PointsNow is not { } points)
            return;
        open.Common ??= points.FirstOrDefault(p => p.Id == open.Fork.PointId);
        // What the medium lost, and the replica names, nobody gave up.
        if (points.All(p => p.Id != open.Fork.PointId)
            && (open.Common is not { } common || !agent.IsLostToDecay(common)))
            world.Violate("I5", "the point that both sides have in common is gone before anybody chose");
    }

    /// <summary>Both went on since, in epochs of their own.</summary>
    public bool BothWrote => _open is { } open
        && Changed(open.A, open.Since).Count > 0 && Changed(open.B, open.Since).Count > 0;

    /// <summary>What `newest` comes to: the side with the last write.</summary>
    public Resolution Resolve(ForkChoice choice)
    {
        var group = world.B.Group!;
        if (choice is not ForkChoice.Newest || _open is not { } open) return Resolution.Of(choice, group);
        return new Resolution(choice, Last(open.A) > Last(open.B) ? "a" : "b", "the guests' last writes");
    }

    /// <summary>Somebody is about to choose.</summary>
    public void Choose(Resolution resolution)
    {
        if (_open is not { } open) return;
        var winner = resolution.Winner == "a" ? world.A : world.B;
        _joining = (winner, open, world.Storm.Disturbances);
    }

    /// <summary>The choice was carried out: the group is one again.</summary>
    public void Chose(SimulatedHost loser)
    {
        _open = null;
        _gaveWay.Add((loser, loser.Group!.Fork!.KeptName, loser.Instance!));
    }

    /// <summary>The winner is protected again. Looks at what that moved, when no fault was in between.</summary>
    public void Joined()
    {
        if (_joining is not { } joining) return;
        _joining = null;
        if (world.Storm.Disturbances != joining.Strikes) return;
        // What the winner's guest writes afterwards is pulled as well there; each moment has its own allowance.
        if (world.Climate.Moments is not null) return;
        var moved = world.Resyncs.SentInto(joining.Winner, joining.Winner.Peer.ReplicaWanted!);
        var (a, b) = (Changed(joining.Fork.A, joining.Fork.Cut), Changed(joining.Fork.B, -1));
        a.UnionWith(b);
        var union = (long)a.Count * BlockSectors * GuestWrite.SectorBytes;
        world.Count("divergences ended without a fault");
        world.Count("bytes moved by them", moved);
        world.Count("bytes of their unions", union);
        if (moved > union * Margin)
            world.Violate("I6", $"ending the divergence moved {moved} bytes; both sides changed {union}");
    }

    public void CheckKept(SimulatedHost host, string pin, SimulatedInstance left, IReadOnlyList<byte[]>? kept)
    {
        world.Count("kept states checked");
        if (kept is null)
        {
            world.Violate("I5", $"{pin} at {host.Name}, which gave way, is not to be had");
            return;
        }
        foreach (var disk in left.Disks)
            if (!SimulatedHost.Content(disk).AsSpan().SequenceEqual(kept[disk.Index]))
                world.Violate("I5", $"{pin}: disk {disk.Index} of {host.Name} is kept otherwise than it was left");
    }

    private static HashSet<(int Disk, int Block)> Changed(SimulatedInstance instance, long since) =>
        [.. instance.Disks.SelectMany(d => d.History.WhichSince(since, BlockSectors).Select(b => (d.Index, b)))];

    private static long Last(SimulatedInstance instance) => instance.Disks.Max(d => d.History.LastApplied);

    private sealed record Open(GroupFork Fork, SimulatedInstance A, SimulatedInstance B, WantedReplica Replica,
        long Cut, long Since)
    {
        /// <summary>The point that both have in common, once it was seen.</summary>
        public RecoveryPoint? Common { get; set; }
    }
}
