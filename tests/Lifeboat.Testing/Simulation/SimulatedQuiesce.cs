// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection;
using Lifeboat.Protection.RecoveryPoints;
using Lifeboat.Replication.Checkpoints;

namespace Lifeboat.Testing.Simulation;

/// <summary>
/// The guest agent of a simulated instance, asked by an agent process: refuses now and then, answers late or not at
/// all. The dead-man is the watchdog's and outlives whoever froze.
/// </summary>
internal sealed class SimulatedQuiesce(SimulatedHost host, SimulatedProcess agent, Prng prng) : IQuiesceInstances
{
    private SimulatedTimer? _deadMan;
    private SimulatedInstance? _frozen;

    public async Task<QuiesceOutcome> FreezeAsync(string instance, TimeSpan deadline, CancellationToken ct)
    {
        var until = agent.Clock.GetTimestamp() + deadline.Ticks;
        await TravelAsync(ct);
        if (host.Instance is not { Running: true, Guest: { Stopping: false } guest } running)
            return new QuiesceOutcome(Consistency.Crash, ReasonCode.GuestAgentUnreachable, "no instance");
        if (running.Freezing || prng.Chance(0.1))
            return new QuiesceOutcome(Consistency.Crash, ReasonCode.QuiesceFailed, "the guest refuses");
        var left = TimeSpan.FromTicks(Math.Max(1, until - agent.Clock.GetTimestamp()));
        running.BeginFreeze();
        _frozen = running;
        _deadMan = new SimulatedTimer(host.World.Wires, _ => running.Thaw(), null, left, Timeout.InfiniteTimeSpan);
        while (running.Running && running.Freezing && guest.InFlight.Count > 0) await TravelAsync(ct);
        if (!running.Running || !running.Freezing)
            return new QuiesceOutcome(Consistency.Crash, ReasonCode.Timeout, "it did not come to rest in time");
        running.IsAtRest();
        await TravelAsync(ct);
        return new QuiesceOutcome(Consistency.FileSystem, ReasonCode.None, null);
    }

    public async Task<bool> ThawAsync(string instance, CancellationToken ct)
    {
        await TravelAsync(ct);
        if (prng.Chance(0.05)) throw new QuiesceException(QuiesceFault.Unreachable, "the guest agent does not answer");
        _deadMan?.Dispose();
        var frozen = _frozen;
        _frozen = null;
        return frozen is { Running: true } && frozen == host.Instance && frozen.Thaw();
    }

    private Task TravelAsync(CancellationToken ct) =>
        agent.Clock.DelayAsync(TimeSpan.FromMicroseconds(prng.Next(100, prng.Chance(0.1) ? 400_000 : 5000)), ct);
}
