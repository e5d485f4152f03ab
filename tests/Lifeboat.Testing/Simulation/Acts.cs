// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Contracts.Agents;
using Lifeboat.Protection;
using Lifeboat.Protection.Plans;
using Lifeboat.Recovery.Runs;

namespace Lifeboat.Testing.Simulation;

/// <summary>The parts that stories are made of, and what is watched while they happen.</summary>
internal sealed class Acts(SimulatedWorld world, SimulatedProcess director, Prng prng)
{
    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan ProtectedWithin = TimeSpan.FromMinutes(3);
    private static readonly TimeSpan MovedWithin = TimeSpan.FromMinutes(8);
    private static readonly long StallMax = TimeSpan.TicksPerSecond;
    private static readonly long FrozenMax = SimulatedAgent.FreezeMax.Ticks;
    private int _moves;

    /// <param name="seconds">At haste 1.</param>
    /// <param name="decays">Media may decay.</param>
    public async Task StormAsync(int seconds, bool decays = false)
    {
        world.Say("director", $"storm for {seconds} s");
        world.Storm.Begin(decays);
        await LiveAsync(TimeSpan.FromSeconds(seconds) / world.Climate.Haste, () => false);
        world.Storm.Calm();
    }

    public Task CalmAsync(int seconds) => LiveAsync(TimeSpan.FromSeconds(seconds), () => false);

    /// <summary>Faults have stopped: streaming and a new sealed point in bounded time, by itself (I9).</summary>
    public async Task ProtectedAsync()
    {
        world.Storm.Calm();
        var since = world.Scheduler.Now;
        var older = world.Oracle.SealedSoFar();
        SourceStatus? status = null;
        var done = await LiveAsync(ProtectedWithin, () =>
            IsProtected(Source) && (world.Second is not { } second || IsProtected(second.Source)));

        bool IsProtected(SimulatedHost source)
        {
            status = source.Agent is { Process.Alive: true } agent ? agent.SourceStatus() : null;
            return status is { Phase: SourcePhase.Streaming, LastSealed: { } point }
                // A clock that went back has told the time of an older point once more.
                && !older.Contains(point.Id) && source.Time.MomentsOf(point.CutAt).Any(m => m > since);
        }

        if (!done)
            world.Violate("I9", $"not protected {ProtectedWithin} after the last fault: {status?.Phase} "
                + $"{status?.Reason} {status?.Detail}");
        await SoundAsync(Source.Peer);
        if (world.Second is { } other) await SoundAsync(other.Source.Peer);
        world.WasProtected = true;
        world.Say("director", $"protected after {TimeSpan.FromTicks(world.Scheduler.Now - since)}");
        await AuditAsync(all: false);
    }

    // What has decayed is found by scrubbing, and the source brings what is lost.
    private async Task SoundAsync(SimulatedHost host)
    {
        if (host.ReplicaWanted is not { HasDecayed: true } wanted) return;
        var passes = host.Decay.Passes;
        SimulatedAgent? agent = null;
        var done = await LiveAsync(ProtectedWithin, () =>
        {
            agent = host.Agent is { Process.Alive: true } alive ? alive : null;
            // The pass under way may have been past it.
            if (host.Decay.Passes >= passes + 2) return agent is { IsSound: true };
            agent?.AskForScrub();
            return false;
        });
        if (!done && host.ReplicaWanted == wanted)
            world.Violate("I9", $"the replica is not sound {ProtectedWithin} after the last fault: "
                + $"{host.Decay.Passes - passes} scrubs, lost {agent?.Opened(wanted)?.Lost.Count}: "
                + string.Join("; ", agent?.Opened(wanted)?.Damages ?? []));
        await AuditAsync(all: true);
    }

    /// <summary>Has a run carried out at a site to its good end, however often its controller dies.</summary>
    public async Task<Run> MoveAsync(SimulatedHost at, RunKind kind, Resolution? resolution = null,
        Guid? point = null)
    {
        world.Say("director", $"{kind} at {at.Name}");
        if (kind is RunKind.PlannedFailover or RunKind.Failback) world.NothingMayBeLost = at.Peer.Instance;
        if (kind is RunKind.TestFailover) world.Drills.Begin(at);
        var moving = new Moving(at, kind, $"move-{++_moves}", resolution, point);
        director.Start(() => moving.DriveAsync(director, world));
        if (prng.Chance(0.7))
        {
            world.Storm.Begin();
            var storm = TimeSpan.FromSeconds(prng.Next(2, 15)) / world.Climate.Haste;
            await LiveAsync(storm, () => moving.Done is not null);
        }
        world.Storm.Calm();
        await LiveAsync(MovedWithin, () => moving.Done is not null);
        world.NothingMayBeLost = null;
        if (moving.Done is { } run)
        {
            world.Drills.End(run);
            return run;
        }
        world.Violate("I9", $"{kind} did not succeed within {MovedWithin} after the last fault: {moving.Last}");
        throw new WorldEndedException();
    }

    /// <summary>I5: whatever gave way so far is there, byte for byte as its disks were left, and can be
    /// opened.</summary>
    public async Task CheckKeptAsync()
    {
        foreach (var (host, pin, left) in world.Forks.GaveWay)
        {
            IReadOnlyList<byte[]>? kept = null;
            for (var tries = 0; tries < 20 && kept is null; tries++)
            {
                if (tries > 0) await LiveAsync(TimeSpan.FromSeconds(1), () => false);
                kept = await LookAtKeptAsync(host, pin);
            }
            world.Forks.CheckKept(host, pin, left, kept);
        }
    }

    /// <summary>The point of what gave way last at a host.</summary>
    public async Task<Guid> KeptPointAsync(SimulatedHost loser)
    {
        while (true)
        {
            var pin = loser.Kept[^1].Origin!.Pin;
            if (loser.Agent is { Process.Alive: true } agent && agent.KeptPoint(pin) is { } point) return point;
            await CalmAsync(1);
        }
    }

    private async Task<IReadOnlyList<byte[]>?> LookAtKeptAsync(SimulatedHost host, string pin)
    {
        if (host.Agent is not { Process.Alive: true } agent) return null;
        try
        {
            return await agent.Process.CallAsync(() => agent.ReadKeptAsync(pin));
        }
        catch (Exception e) when (e is ProcessDiedException or ProblemException)
        {
            world.Count("looks at kept states cut short");
            return null;
        }
    }

    /// <summary>Opens points of the replica and compares them with what the source went through.</summary>
    public async Task AuditAsync(bool all)
    {
        await AuditAsync(Source.Peer, all);
        if (world.Second is not { } second) return;
        await AuditAsync(second.Source.Peer, all);
        await second.AuditAsync(prng);
    }

    private async Task AuditAsync(SimulatedHost host, bool all)
    {
        if (host.Agent is not { Process.Alive: true } agent) return;
        try
        {
            await agent.Process.CallAsync(() => agent.AuditAsync(prng, all ? 4 : 1));
        }
        catch (ProcessDiedException)
        {
            world.Count("audits cut short");
        }
    }

    // An audit costs as much in a short storm as in a long one: it has fewer, and more of them than its length's share.
    private double AuditChance => 0.15 * 2 / (1 + world.Climate.Pace);

    private SimulatedHost Source => world.A.SourceWanted is not null ? world.A : world.B;

    /// <returns>False: the time was up first.</returns>
    private async Task<bool> LiveAsync(TimeSpan limit, Func<bool> until)
    {
        var end = world.Scheduler.Now + limit.Ticks;
        while (world.Scheduler.Now < end)
        {
            if (until()) return true;
            world.Storm.Tend();
            Watch();
            await director.Clock.DelayAsync(world.Storm.Raging ? Tick / world.Climate.Pace : Tick);
            if (world.Storm.Raging && prng.Chance(AuditChance)) director.Start(() => AuditAsync(all: false));
            if (world.Violation is not null) throw new WorldEndedException();
        }
        return until();
    }

    private void Watch()
    {
        world.Forks.Watch();
        world.Drills.Watch();
        foreach (var host in world.Hosts)
        {
            if (host.Agent is { Process: { Alive: true, Paused: false } } agent) agent.Watch();
            if (host.Instance is not { Running: true, Guest: { } guest }) continue;
            if (host.Instance.FrozenSince is { } since && world.Scheduler.Now - since > FrozenMax)
                world.Violate("I4", $"the guest is frozen since {TimeSpan.FromTicks(since)}");
            var oldest = guest.InFlight.Count == 0 ? 0 : world.Scheduler.Now - guest.InFlight.Min(w => w.Issued);
            if (Math.Max(oldest, guest.WorstStall) > StallMax)
                world.Violate("I4", $"a guest write waited {TimeSpan.FromTicks(Math.Max(oldest, guest.WorstStall))}");
        }
    }
}

/// <summary>Nothing more is to be told: a violation was found.</summary>
internal sealed class WorldEndedException : Exception;
