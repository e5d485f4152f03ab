// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Contracts.Agents;
using Lifeboat.Testing.Storage;

namespace Lifeboat.Testing.Simulation;

// What goes wrong seldom: media that decay or lie, links that are half there, copies of what once was.
internal sealed partial class Storm
{
    private bool _decays;

    private void StrikeRarely(Fault fault, Prng dice)
    {
        switch (fault)
        {
            case Fault.FlipBits:
                if (_decays) Replica.Decay.Flip(dice);
                break;
            case Fault.MisdirectWrite:
                if (_decays) Replica.Decay.Misdirect(dice);
                break;
            case Fault.LyingFlush:
                LieAndCrash(Replica, dice);
                break;
            case Fault.SlowReplicaDisk:
                Replica.Disk.DelayMax = TimeSpan.FromMilliseconds(dice.Next(20, 300));
                Later(dice, 200, 5000, MendSlowDisks);
                break;
            case Fault.OneWay:
                world.Network.CutOneWay(dice.Pick(Hosts).Name);
                Later(dice, 100, 15_000, world.Network.Heal);
                break;
            case Fault.FlappingLink: Flap(dice); break;
            case Fault.SlowMonitor: SlowMonitor(dice); break;
            case Fault.RestoreSource: RestoreSource(Source, dice); break;
            case Fault.SecondSource:
                SecondSource(Source, dice);
                break;
            case Fault.CutOverDeadMirror: CutOverDeadMirror(Source, dice); break;
            case Fault.RivalSource: RivalSource(Source, dice); break;
            case Fault.RefusingMonitor: RefusingMonitor(dice); break;
            default: throw new SimulationException($"no such weather: {fault}");
        }
    }

    private void CalmRarely(SimulatedHost host)
    {
        host.Disk.DelayMax = world.Climate.SlowDisk;
        host.Disk.Misdirects = null;
        if (host.Instance is { } instance) (instance.MonitorDelay, instance.MonitorRefuses) = (TimeSpan.Zero, 0);
        world.Network.Past.LieInWaitNoMore();
        // A drive that lies does so until power is lost: in calm weather it would be left to lie.
        if (host.Lies) host.Crash();
    }

    private void LieAndCrash(SimulatedHost host, Prng dice)
    {
        if (_decays && host.BeginToLie()) Later(dice, 100, 4000, host.Crash);
    }

    // What it says between the break and its end is lost on the way, and what is said again when it comes back.
    private void SecondSource(SimulatedHost host, Prng dice)
    {
        var dies = dice.Chance(0.7);
        if (dies && dice.Chance(0.7)) Burst(host, dice);
        if (!dies || dice.Chance(0.7)) world.Network.BreakAll();
        if (dies) Later(dice, 0, 200, host.KillAgent);
        world.Network.Past.LieInWait(_sky, dice);
    }

    // Its link dies first, then it: of what it says in between its successor knows nothing when it asks where to go on.
    private void RivalSource(SimulatedHost host, Prng dice)
    {
        if (host.Agent is not { Process: { Alive: true, Paused: false } }) return;
        if (dice.Chance(0.3)) Burst(host, dice);
        world.Network.Past.CutOff(host.Peer.Address, _sky, dice);
        Later(dice, 20, 600, () =>
        {
            if (_raging) host.KillAgent();
        });
    }

    private void MendSlowDisks()
    {
        foreach (var host in Hosts) host.Disk.DelayMax = world.Climate.SlowDisk;
    }

    private void Flap(Prng dice)
    {
        var generation = _generation;
        var at = 0;
        for (var times = dice.Next(3, 12); times > 0; times--)
        {
            After(TimeSpan.FromMilliseconds(at), () =>
            {
                if (generation == _generation) world.Network.Partition();
            });
            at += dice.Next(50, 1500);
            After(TimeSpan.FromMilliseconds(at), world.Network.Heal);
            at += dice.Next(50, 1500);
        }
    }

    private void SlowMonitor(Prng dice)
    {
        if (Source.Instance is not { } instance) return;
        instance.MonitorDelay = TimeSpan.FromMilliseconds(dice.Next(20, 1500));
        Later(dice, 500, 8000, () => instance.MonitorDelay = TimeSpan.Zero);
    }

    private void RefusingMonitor(Prng dice)
    {
        if (Source.Instance is not { } instance) return;
        instance.MonitorRefuses = dice.Pick<double>([0.2, 0.5, 1]);
        Later(dice, 200, 9000, () => instance.MonitorRefuses = 0);
        // What is refused most is what begins anew.
        if (dice.Chance(0.5) && instance.Running)
            FailMirror(instance.Drive(dice.Next(instance.Disks.Count)).Mirror,
                TimeSpan.FromMilliseconds(dice.Next(1, 40)));
    }

    // What is cut now may be a point only if the monitor still saw the mirror afterwards, and may not leave memory
    // before.
    private void CutOverDeadMirror(SimulatedHost host, Prng dice)
    {
        if (!world.Climate.HasLog || world.Climate.Moments is not null
            || host is not { Instance: { Running: true } instance, Agent.Process.Alive: true }) return;
        host.Suspend(TimeSpan.FromMilliseconds(dice.Next(2000, 6000)));
        instance.MonitorDelay = TimeSpan.FromMilliseconds(dice.Next(500, 1500));
        var (disk, heard) = (dice.Next(instance.Disks.Count), TimeSpan.FromMilliseconds(dice.Next(100, 1500)));
        Later(dice, 20, 1000, () =>
        {
            if (!instance.Running) return;
            FailMirror(instance.Drive(disk).Mirror, heard);
            Later(dice, 1, 80, () => AskForPoint(host));
        });
        Later(dice, 2500, 6000, () => instance.MonitorDelay = TimeSpan.Zero);
    }

    private static void AskForPoint(SimulatedHost host)
    {
        if (host.Agent is not { Process: { Alive: true, Paused: false } } agent) return;
        agent.Process.Start(async () =>
        {
            try
            {
                await agent.CheckpointAsync(new CheckpointRequest(false, false, null, null));
            }
            catch (ProblemException)
            {
                // It is not to be.
            }
        });
    }

    // One backup for the agent alone, or one for both sites.
    private void RestoreSource(SimulatedHost host, Prng dice)
    {
        if (host.Agent is not { Process: { Alive: true, Paused: false } }) return;
        var copy = host.LogDisk.Fork(dice.Fork(), ["outbox"]);
        copy.Crash(CrashStyle.KeepAll);
        var replica = dice.Chance(0.5) ? Restoring.Copy(host.Peer, dice.Fork()) : null;
        Later(dice, 500, 12_000, () =>
        {
            if (!_raging || host.SourceWanted is null) return;
            host.KillAgent();
            host.LogDisk.PutBack(copy);
            NotePutBack("sources put back");
            if (replica?.PutBack() == true) NotePutBack("replicas put back");
        });
    }
}
