// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Journaling.Storage;
using Lifeboat.Testing.Storage;

namespace Lifeboat.Testing.Simulation;

/// <summary>Lets things go wrong until it is told to calm down; then everything that is broken is put
/// right.</summary>
internal sealed partial class Storm(SimulatedWorld world, Prng prng)
{
    private static readonly TimeSpan WatchdogLimit = TimeSpan.FromMilliseconds(250);
    private readonly SimulatedProcess _sky = world.Spawn("sky");
    private readonly Prng _tending = prng.Fork();
    private readonly DiskOperator _operator = new(world, new Prng(world.Options.Seed ^ 0x6707));
    private bool _raging, _atSecond;
    private int _generation;
    private readonly List<long> _heard = []; // when an agent hears that a mirror has failed
    private int _strikes, _putBack;

    public bool Raging => _raging;
    /// <summary>Faults so far, those that were spared included.</summary>
    public int Strikes => _strikes;
    /// <summary>Faults, what was done to disks, and what comes of a fault long after its strike.</summary>
    public int Disturbances =>
        _strikes + _operator.Acts + _putBack + _heard.Count(at => at <= world.Scheduler.Now);

    /// <param name="decays">Media may decay: both sites are there, and nobody relies on one point.</param>
    public void Begin(bool decays = false)
    {
        _raging = true;
        _decays = decays;
        world.Network.Stormy = true;
        var generation = ++_generation;
        _sky.Start(() => RageAsync(generation));
        _operator.Begin();
    }

    /// <summary>From here on nothing breaks any more, and what is down comes up.</summary>
    public void Calm()
    {
        _raging = false;
        _generation++;
        _operator.End();
        world.Network.Stormy = false;
        world.Network.Heal();
        foreach (var host in Hosts)
        {
            host.Disk.CapacityBytes = long.MaxValue;
            host.Disk.Faults = static _ => null;
            Mend(host.LogDisk);
            Mend(host.Memory);
            // A clock that was set back would make it last for an hour more.
            if (host.Suspended is not null) host.Suspend(TimeSpan.Zero);
            host.Agent?.Process.Resume();
            CalmRarely(host);
            if (host.Instance is { Guest: { } guest }) guest.Options = world.Climate.Guest;
        }
    }

    /// <summary>What a watchdog and an operator do all the time: start again what is down.</summary>
    public void Tend()
    {
        foreach (var host in Hosts.Where(h => !h.Down))
        {
            if (host.Agent is not { Process.Alive: true })
                Later(_tending, 50, 1500, () => StartUnless(host, host.StartAgent));
            if (host.Controller is not { Process.Alive: true })
                Later(_tending, 50, 1500, () => StartUnless(host, host.StartController));
            if (host.WantRunning && host.Instance is { Running: false })
                Later(_tending, 200, 4000, () => StartUnless(host, host.PowerOn));
        }
    }

    private IReadOnlyList<SimulatedHost> Hosts => world.Hosts;
    private SimulatedHost Source => _atSecond ? world.Second!.Source
        : world.A.SourceWanted is not null ? world.A : world.B;
    private SimulatedHost Replica => Source.Peer;

    private async Task RageAsync(int generation)
    {
        while (true)
        {
            var wait = world.Climate.FaultEvery * (prng.NextDouble() * 2);
            await _sky.Clock.DelayAsync(wait);
            if (generation != _generation) return;
            if (world.Climate.Allowed.Count == 0) continue;
            var fault = prng.Pick(world.Climate.Allowed);
            // Dice of its own: a strike that is spared does not change what the next one does.
            var dice = prng.Fork();
            if (world.Options.Spares(_strikes++)) continue;
            world.Say("storm", $"{fault} (strike {_strikes - 1})");
            world.Count($"fault {fault}");
            _atSecond = world.Second is not null && dice.Chance(0.5);
            Strike(fault, dice);
        }
    }

    private void Strike(Fault fault, Prng dice)
    {
        switch (fault)
        {
            case Fault.KillSourceAgent: Source.KillAgent(); break;
            case Fault.KillReplicaAgent: Replica.KillAgent(); break;
            case Fault.KillBothAgents:
                Source.KillAgent();
                Replica.KillAgent();
                break;
            case Fault.HangAgent: Hang(dice.Pick(Hosts), dice); break;
            case Fault.CrashReplicaHost: CrashSomehow(Replica, dice); break;
            case Fault.CrashSourceHost: Source.Crash(); break;
            case Fault.RestartInstance: Source.Instance?.PowerOff(); break;
            case Fault.BreakConnections: world.Network.BreakAll(); break;
            case Fault.HalfOpen: world.Network.GoSilent(); break;
            case Fault.Partition:
                world.Network.Partition();
                Later(dice, 100, 15_000, world.Network.Heal);
                break;
            case Fault.LongOutage:
                world.Network.Partition();
                Later(dice, 10_000, 60_000, world.Network.Heal);
                break;
            case Fault.Suspend: Suspend(Source, dice); break;
            case Fault.FillLogDisk:
                Source.LogDisk.CapacityBytes = Source.LogDisk.AllocatedBytes + dice.Next(400_000);
                MendLater(Source.LogDisk, dice);
                break;
            case Fault.BreakLogDisk:
                BreakLog(Source.LogDisk, dice);
                if (dice.Chance(0.5)) BreakLog(Source.Memory, dice);
                break;
            case Fault.SlowLogDisk:
                Source.LogDisk.DelayMax = TimeSpan.FromMilliseconds(dice.Next(20, 500));
                MendLater(Source.LogDisk, dice);
                break;
            case Fault.FillReplicaDisk: FillDisk(Replica, dice); break;
            case Fault.EndMirror: EndMirror(Source, dice); break;
            case Fault.BurstOfWrites: Burst(Source, dice); break;
            case Fault.JumpClock: Jump(dice.Pick(Hosts), dice); break;
            case Fault.StaleSession: _sky.Start(() => world.Network.Past.ReturnAsync(_sky, dice)); break;
            case Fault.RestoreReplica: Restore(Replica, dice); break;
            case Fault.KillController: KillController(dice); break;
            default: StrikeRarely(fault, dice); break;
        }
    }

    // SIGSTOP, or a garbage collection without end. The watchdog is a process of its own and does not hang with it.
    private void Hang(SimulatedHost host, Prng dice)
    {
        if (host.Agent is not { Process: { Alive: true, Paused: false } process }) return;
        process.Pause();
        var lasts = TimeSpan.FromMilliseconds(dice.Next(600));
        if (lasts < WatchdogLimit) After(lasts, process.Resume);
        else After(WatchdogLimit, host.KillAgent);
    }

    // At any moment, or when something was just written and is about to be made durable, where it hurts most.
    private void CrashSomehow(SimulatedHost host, Prng dice)
    {
        if (dice.Chance(0.5))
        {
            host.Crash();
            return;
        }
        var changes = dice.Next(1, 5);
        host.Disk.Faults = operation =>
        {
            if (!operation.Changes || --changes > 0) return null;
            host.Disk.Faults = static _ => null;
            After(TimeSpan.FromMicroseconds(dice.Next(3000)), host.Crash);
            return null;
        };
    }

    private void FillDisk(SimulatedHost host, Prng dice)
    {
        host.Disk.CapacityBytes = host.Disk.AllocatedBytes + dice.Next(20_000);
        Later(dice, 500, 8000, () => host.Disk.CapacityBytes = long.MaxValue);
    }

    // Its time is up, or somebody resumes it, maybe too late, maybe after the roles have turned.
    private void Suspend(SimulatedHost host, Prng dice)
    {
        host.Suspend(TimeSpan.FromMilliseconds(dice.Next(500, 20_000)) / world.Climate.Pace);
        if (dice.Chance(0.6)) Later(dice, 100, 20_000, () => host.Suspend(TimeSpan.Zero));
    }

    // Writes fail, or reads do too: what was logged is lost then.
    private void BreakLog(SimulatedDisk disk, Prng dice)
    {
        var reads = dice.Chance(0.4);
        var odds = dice.Pick<double>([0.05, 0.3, 1]);
        disk.Faults = o => (o.Changes || reads) && dice.Chance(odds) ? StorageFault.Io : null;
        MendLater(disk, dice);
    }

    private void MendLater(SimulatedDisk disk, Prng dice) => Later(dice, 200, 8000, () => Mend(disk));

    private void Mend(SimulatedDisk disk)
    {
        disk.CapacityBytes = long.MaxValue;
        disk.Faults = static _ => null;
        disk.DelayMax = world.Climate.SlowLog;
    }

    // A save, a yank, an I/O error on the socket: QEMU goes on alone before we hear of it.
    private void EndMirror(SimulatedHost host, Prng dice)
    {
        if (host.Instance is not { Running: true } instance) return;
        var mirror = instance.Drive(dice.Next(instance.Disks.Count)).Mirror;
        FailMirror(mirror, TimeSpan.FromMilliseconds(dice.Next(dice.Chance(0.5) ? 40 : 400)));
    }

    // Until the agent hears of it the group passes for protected, and the storm may be over by then.
    private void FailMirror(QemuMirror? mirror, TimeSpan untilHeard)
    {
        mirror?.Fail(untilHeard);
        _heard.Add(world.Scheduler.Now + untilHeard.Ticks);
    }

    // Somebody sets the clock, or the time daemon steps it: by moments, and by hours.
    private void Jump(SimulatedHost host, Prng dice)
    {
        var by = TimeSpan.FromSeconds((dice.NextDouble() - 0.5) * dice.Pick<int>([1, 20, 7200]));
        host.Time.Jump(world.Scheduler.Now, by);
    }

    private void Restore(SimulatedHost host, Prng dice)
    {
        if (Restoring.Copy(host, dice.Fork()) is not { } copy) return;
        Later(dice, 200, 6000, () =>
        {
            if (_raging && copy.PutBack()) NotePutBack("replicas put back");
        });
    }

    private void NotePutBack(string what)
    {
        _putBack++;
        world.Count(what);
    }

    private void Burst(SimulatedHost host, Prng dice)
    {
        if (host.Instance?.Guest is not { } guest) return;
        guest.Options = guest.Options with { ThinkMicroseconds = 10_000, MaxSectors = 64 };
        Later(dice, 100, 1000, () => guest.Options = world.Climate.Guest);
    }

    private void KillController(Prng dice)
    {
        if (_atSecond) world.Second!.KillCoordinator();
        else dice.Pick([world.A, world.B]).KillController();
    }

    private static void StartUnless(SimulatedHost host, Action start)
    {
        if (!host.Down) start();
    }

    private void Later(Prng dice, int leastMilliseconds, int mostMilliseconds, Action action) =>
        After(TimeSpan.FromMilliseconds(dice.Next(leastMilliseconds, mostMilliseconds)) / world.Climate.Pace, action);

    private void After(TimeSpan wait, Action action) =>
        _ = new SimulatedTimer(_sky, static a => ((Action)a!)(), action, wait, Timeout.InfiniteTimeSpan);
}
