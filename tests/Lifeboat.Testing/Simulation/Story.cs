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
        await _acts.StormAsync(Math.Min(prng.Next(5, 25), world.Options.StormSecondsMax), decays: true);
        await _acts.ProtectedAsync();
        var act = prng.Next(12);
        switch (world.Options.StormOnly || world.Climate.EndsEarly ? 0 : act)
        {
            case < 3: break;
            case < 5: await DrillAsync(); break;
            case < 8:
                await FailoverAsync();
                if (prng.Chance(0.6)) await FailbackAsync();
                break;
            case < 10: await DivergeAsync(); break;
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
        world.Network.Striped = world.Climate.Link.Paths.Count > 0;
        foreach (var host in world.Hosts)
        {
            host.Guest = world.Climate.Guest;
            host.Disk.DelayMax = world.Climate.SlowDisk;
            host.LogDisk.DelayMax = world.Climate.SlowLog;
        }
        world.Say("director", world.Climate.ToString());
        var group = world.NewGroup(a, Protection.Epoch.First);
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
        world.Second?.SetUp();
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
        await _acts.MoveAsync(b, RunKind.Reprotect);
        await _acts.ProtectedAsync();
    }

    // The sites lose each other for long, one takes over, both guests write on; then they meet again and somebody
    // chooses. What gave way stays, whatever happens to the group afterwards.
    private async Task DivergeAsync()
    {
        var (a, b) = (world.A, world.B);
        world.Network.Hold();
        if (prng.Chance(0.5)) await _acts.StormAsync(prng.Next(1, 5));
        await _acts.MoveAsync(b, RunKind.Failover);
        world.Forks.Begin();
        await _acts.StormAsync(prng.Next(3, 10));
        for (var more = 0; more < 20 && !world.Forks.BothWrote; more++) await _acts.CalmAsync(1);
        world.Count(world.Forks.BothWrote ? "forks both sides wrote in" : "forks one side wrote in");
        world.Network.Release();
        if (prng.Chance(0.5)) await _acts.StormAsync(prng.Next(1, 5));
        await ResolveAsync(b);
        if (prng.Chance(0.6)) await AfterwardsAsync();
    }

    private async Task ResolveAsync(SimulatedHost at)
    {
        var choice = prng.Pick(Enum.GetValues<ForkChoice>());
        world.Count($"resolved {choice}");
        if (choice is ForkChoice.Manual)
        {
            await _acts.MoveAsync(at, RunKind.Resolve, world.Forks.Resolve(choice));
            await _acts.StormAsync(prng.Next(1, 5));
            // What was left as it is can still be chosen about.
            choice = prng.Pick<ForkChoice>([ForkChoice.KeepPrimary, ForkChoice.KeepRecovery]);
        }
        var resolution = world.Forks.Resolve(choice);
        world.Forks.Choose(resolution);
        await _acts.MoveAsync(at, RunKind.Resolve, resolution);
        if (at.Group!.PrimarySite != resolution.Winner)
            world.Violate("I5", $"{choice}: {at.Group.PrimarySite} goes on, {resolution.Winner} was chosen");
        world.Forks.Chose(at.Group!.PrimarySite == at.Name ? at.Peer : at);
        await _acts.CheckKeptAsync();
        await _acts.ProtectedAsync();
        world.Forks.Joined();
        await _acts.CheckKeptAsync();
    }

    // The kept state boots in a drill and comes back by a failover; and outlives the turning of the roles.
    private async Task AfterwardsAsync()
    {
        var (loser, _, _) = world.Forks.GaveWay[^1];
        var kept = await _acts.KeptPointAsync(loser);
        switch (prng.Next(3))
        {
            case 0:
                await _acts.MoveAsync(loser, RunKind.TestFailover, point: kept);
                break;
            case 1:
                await _acts.MoveAsync(loser, RunKind.Failover, point: kept);
                await _acts.MoveAsync(loser, RunKind.Reprotect);
                break;
            default:
                await PlannedAsync(loser);
                await _acts.CheckKeptAsync();
                await PlannedAsync(loser.Peer);
                break;
        }
        await _acts.ProtectedAsync();
        await _acts.CheckKeptAsync();
    }

    private async Task FailbackAsync()
    {
        await _acts.StormAsync(prng.Next(2, 8), decays: true);
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
