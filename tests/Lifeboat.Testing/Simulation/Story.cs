// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection.Plans;

namespace Lifeboat.Testing.Simulation;

/// <summary>
/// What happens in one world: protect, then faults, then calm; then perhaps a drill, a failover, the way back; after
/// every act the group must be protected again in bounded time.
/// </summary>
internal sealed class Story(SimulatedWorld world, SimulatedProcess director, Prng prng)
{
    private readonly Acts _acts = new(world, director, prng.Fork());

    public bool Ended { get; private set; }

    public async Task TellAsync()
    {
        SetUp();
        await _acts.StormAsync(Math.Min(prng.Next(5, 25), world.Options.StormSecondsMax));
        await _acts.ProtectedAsync();
        var act = prng.Next(10);
        switch (world.Options.StormOnly ? 0 : act)
        {
            case < 3: break;
            case < 5: await DrillAsync(); break;
            case < 8:
                await FailoverAsync();
                if (prng.Chance(0.6) && world.B.Group!.PrimarySite == world.B.Name) await FailbackAsync();
                break;
            default:
                await PlannedAsync(world.B);
                if (prng.Chance(0.4)) await PlannedAsync(world.A);
                break;
        }
        await _acts.AuditAsync(all: true);
        Ended = true;
    }

    private void SetUp()
    {
        var (a, b) = (world.A, world.B);
        world.Network.Latency = world.Climate.Latency;
        world.Network.Jitter = world.Climate.Latency / 2 + TimeSpan.FromMicroseconds(100);
        world.Network.BytesPerSecond = world.Climate.BytesPerSecond;
        world.Network.Version = world.Climate.LinkVersion;
        foreach (var host in new[] { a, b })
        {
            host.Guest = world.Climate.Guest;
            host.Disk.DelayMax = world.Climate.SlowDisk;
            host.LogDisk.DelayMax = world.Climate.SlowLog;
        }
        world.Say("director", world.Climate.ToString());
        var group = world.NewGroup();
        a.Install(world.NewDisks());
        a.SetGroup(group);
        b.SetGroup(group);
        b.BeginReplica(group, seeded: false);
        a.PowerOn();
        a.BeginSource(group.Epoch);
        a.StartAgent();
        b.StartAgent();
        a.StartController();
        b.StartController();
    }

    private async Task DrillAsync()
    {
        await _acts.MoveAsync(world.B, RunKind.TestFailover);
        await _acts.ProtectedAsync();
    }

    private async Task FailoverAsync()
    {
        var (a, b) = (world.A, world.B);
        // The source site is gone, cut off, or alive and shipping: the other side cannot tell and must not care.
        switch (prng.Next(3))
        {
            case 0:
                a.Down = true;
                a.Crash();
                break;
            case 1: world.Network.Partition(); break;
            default: break;
        }
        var run = await _acts.MoveAsync(b, RunKind.Failover);
        if (run.PeerRequests != 0)
            world.Violate("I11", $"the failover made {run.PeerRequests} requests to the site it left");
        world.Network.Heal();
        a.Down = false;
        await _acts.StormAsync(prng.Next(2, 8));
        if (prng.Chance(0.5)) await ResolveAsync(b);
        else await _acts.MoveAsync(b, RunKind.Reprotect);
        await _acts.ProtectedAsync();
    }

    // Whatever became of it, site a's guest wrote on after site b took over.
    private async Task ResolveAsync(SimulatedHost at)
    {
        var choice = prng.Pick(Enum.GetValues<ForkChoice>());
        world.Count($"resolved {choice}");
        await _acts.MoveAsync(at, RunKind.Resolve, choice);
        // What was left as it is can still be chosen about.
        if (choice is ForkChoice.Manual) await _acts.MoveAsync(at, RunKind.Resolve, ForkChoice.KeepPrimary);
        var loser = at.Group!.PrimarySite == at.Name ? at.Peer : at;
        await _acts.CheckKeptAsync(loser);
        await _acts.ProtectedAsync();
        await _acts.CheckKeptAsync(loser);
    }

    private async Task FailbackAsync()
    {
        await _acts.StormAsync(prng.Next(2, 8));
        await _acts.ProtectedAsync();
        await _acts.MoveAsync(world.A, RunKind.Failback);
        await _acts.ProtectedAsync();
    }

    private async Task PlannedAsync(SimulatedHost to)
    {
        await _acts.MoveAsync(to, RunKind.PlannedFailover);
        await _acts.MoveAsync(to, RunKind.Reprotect);
        await _acts.ProtectedAsync();
    }
}
