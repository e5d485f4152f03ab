// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection;
using Lifeboat.Protection.RecoveryPoints;

namespace Lifeboat.Testing.Simulation;

/// <summary>
/// A second group of one application, with an agent of its own at each of two more hosts, and the coordinator that
/// cuts points which both groups have: reserve, hold, cut, look, settle, as the shipped controller asks for them. It
/// may be killed between any two. What both lists have under one id must be one moment of all disks of both.
/// </summary>
internal sealed class SecondGroup
{
    // Any that the first group never comes to.
    internal static readonly Epoch Epochs = new(1000);
    private readonly SimulatedWorld _world;
    private readonly Prng _prng;
    private SimulatedProcess _coordinator;

    private SecondGroup(SimulatedWorld world, SimulatedHost source, Prng prng)
    {
        (_world, Source, _prng) = (world, source, prng);
        _coordinator = world.Spawn("coordinator");
    }

    /// <summary>Where it runs; its peer is where it is recovered to.</summary>
    public SimulatedHost Source { get; }

    public static SecondGroup Begin(SimulatedWorld world, Prng prng)
    {
        var source = new SimulatedHost(world, "c", prng.Fork());
        var replica = new SimulatedHost(world, "d", prng.Fork());
        (source.Peer, replica.Peer) = (replica, source);
        return new SecondGroup(world, source, prng);
    }

    public void SetUp()
    {
        var group = _world.NewGroup(Source, Epochs);
        Source.Install(_world.NewDisks());
        Source.SetGroup(group);
        Source.Peer.SetGroup(group);
        Source.Peer.BeginReplica(group, seeded: false);
        Source.PowerOn();
        Source.BeginSource(group.Epoch);
        Source.StartAgent();
        Source.Peer.StartAgent();
        Source.StartController();
        Source.Peer.StartController();
        Coordinate();
    }

    /// <summary>The coordinator dies, whatever it was about to say, and another takes its place.</summary>
    public void KillCoordinator()
    {
        _coordinator.Kill();
        _coordinator = _world.Spawn("coordinator");
        Coordinate();
    }

    /// <summary>Points that both recovery hosts list now.</summary>
    public IReadOnlyList<(RecoveryPoint First, RecoveryPoint Second)> Shared() =>
        _world.A.SourceWanted is not null
        && _world.B.Agent is { Process.Alive: true } b && Source.Peer.Agent is { Process.Alive: true } d
        && b.PointsNow is { } first && d.PointsNow is { } second
            ? [.. first.Join(second, p => p.Id, p => p.Id, (p, q) => (p, q))]
            : [];

    /// <summary>Opens a shared point in both groups: it is one moment of both.</summary>
    public async Task AuditAsync(Prng prng)
    {
        if (Shared() is not { Count: > 0 } shared) return;
        var (first, second) = prng.Pick(shared);
        var here = await LookAsync(_world.B, first);
        var there = await LookAsync(Source.Peer, second);
        if (here is not null && there is not null) _world.Oracle.CheckShared(first, here, second, there);
    }

    private async Task<IReadOnlyList<byte[]>?> LookAsync(SimulatedHost host, RecoveryPoint point)
    {
        if (host.Agent is not { Process.Alive: true } agent) return null;
        try
        {
            return await agent.Process.CallAsync(() => agent.LookAtAsync(point));
        }
        catch (ProcessDiedException)
        {
            return null;
        }
    }

    private void Coordinate() => _coordinator.Start(async () =>
    {
        while (true)
        {
            await _coordinator.Clock.DelayAsync(TimeSpan.FromMilliseconds(_prng.Next(300, 3000))
                / _world.Climate.Pace);
            if (_world.A.SourceWanted is null) continue;
            if (await CutAsync(_prng.NextGuid())) _world.Count("shared cuts");
            else _world.Count("shared cuts given up");
        }
    });

    private async Task<bool> CutAsync(Guid id)
    {
        SimulatedHost[] hosts = [_world.A, Source];
        // In one order, so that two coordinators never wait for each other.
        foreach (var host in hosts)
            if (!await AskAsync(host, a => a.ReserveCutAsync(id))) return await SettleAsync(hosts, id, agreed: false);
        if (!await AllAsync(hosts, a => Task.FromResult(a.HoldCut(id))))
            return await SettleAsync(hosts, id, agreed: false);
        var cut = await AllAsync(hosts, a => a.CutSharedAsync(id));
        return await SettleAsync(hosts, id, cut);
    }

    private async Task<bool> SettleAsync(SimulatedHost[] hosts, Guid id, bool agreed)
    {
        var settled = await AllAsync(hosts, a => Task.FromResult(a.SettleCut(id, agreed)));
        return agreed && settled;
    }

    private async Task<bool> AllAsync(SimulatedHost[] hosts, Func<SimulatedAgent, Task<bool>> request) =>
        (await Task.WhenAll(hosts.Select(h => AskAsync(h, request)))).All(done => done);

    private async Task<bool> AskAsync(SimulatedHost host, Func<SimulatedAgent, Task<bool>> request)
    {
        await _coordinator.Clock.DelayAsync(TimeSpan.FromMicroseconds(_prng.Next(100, 8000)));
        if (host.Agent is not { Process.Alive: true } agent) return false;
        try
        {
            var answer = await agent.Process.CallAsync(() => request(agent));
            await _coordinator.Clock.DelayAsync(TimeSpan.FromMicroseconds(_prng.Next(100, 8000)));
            return answer;
        }
        catch (ProcessDiedException)
        {
            return false;
        }
    }
}
