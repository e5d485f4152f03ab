// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Sites;
using Lifeboat.Recovery.Runs;

namespace Lifeboat.Testing.Simulation;

/// <summary>
/// I7: while a drill runs nothing is started outside of its bubble, the history that it needs stays, replication goes
/// on, and afterwards both sites were asked for nothing that they were not asked for before, and no trace is left.
/// </summary>
internal sealed class DrillChecks(SimulatedWorld world)
{
    private Drill? _drill;

    public void Begin(SimulatedHost at) => _drill = new Drill(at, world.A.Production, world.B.Production,
        world.Storm.Disturbances, world.Scheduler.Now, [.. at.Views.Keys]);

    /// <summary>Something is started at a site.</summary>
    public void Starts(SimulatedHost host, StartRequest request)
    {
        if (_drill is { } drill && drill.At == host && request.Bubble is null)
            world.Violate("I7", $"the drill starts {request.Instance} outside of its bubble");
    }

    /// <summary>An instance is stopped or removed for good.</summary>
    public void Stops(SimulatedHost host, string instance)
    {
        if (_drill is not null && instance == SimulatedHost.InstanceName)
            world.Violate("I7", $"{instance} of {host.Name} is stopped during a drill");
    }

    /// <summary>Called often: what views read from is in the history.</summary>
    public void Watch()
    {
        foreach (var host in new[] { world.A, world.B })
        {
            if (host.Views.Count == 0 || host.ReplicaWanted is not { } wanted
                || host.Agent is not { Process: { Alive: true, Paused: false } } agent
                || agent.Opened(wanted) is not { } replica) continue;
            foreach (var (name, (point, _)) in host.Views)
                if (!point.IsOrigin && replica.Views.Contains(name) && replica.FoldedSequence > point.Sequence)
                    world.Violate("I7", $"view {name} is at {point.Sequence}, and history is folded up to "
                        + $"{replica.FoldedSequence}");
        }
        if (_drill is not { } drill || world.Storm.Disturbances != drill.Strikes) return;
        if (drill.At.Peer.Agent is { Process.Alive: true } source && source.SourceStatus() is { } status
            && status.Phase is not Contracts.Agents.SourcePhase.Streaming)
            drill.Paused ??= $"{status.Phase} {status.Reason}";
    }

    public void End(Run run)
    {
        if (_drill is not { } drill) return;
        _drill = null;
        world.Count("drills checked");
        foreach (var (host, before) in new[] { (world.A, drill.A), (world.B, drill.B) })
            if (host.Production != before)
                world.Violate("I7", $"{host.Name} before the drill: {before}; after it: {host.Production}");
        // A state that gave way in a divergence may be open meanwhile.
        if (drill.At.Views.Keys.Except(drill.Views).Any() || drill.At.Copies.Count > 0)
            world.Violate("I7", $"the drill {run.State} and left {drill.At.Wishes}");
        if (world.Storm.Disturbances != drill.Strikes) return;
        world.Count("drills without a fault");
        // One that is read in moments says that it resyncs until the first one of a stream is through.
        if (drill.Paused is { } paused && world.Climate.Moments is null)
            world.Violate("I7", $"replication paused during a drill: {paused}");
        CheckGoesOn(drill);
    }

    // Points went on being sealed.
    private void CheckGoesOn(Drill drill)
    {
        var lasted = world.Scheduler.Now - drill.Since;
        if (lasted < (3 * world.Climate.CheckpointInterval + TimeSpan.FromSeconds(10)).Ticks) return;
        if (drill.At.Peer.Agent?.SourceStatus()?.LastSealed is not { } point
            || !drill.At.Peer.Time.MomentsOf(point.CutAt).Any(m => m > drill.Since))
            world.Violate("I7", $"no point was sealed during a drill of {TimeSpan.FromTicks(lasted)}");
    }

    private sealed record Drill(SimulatedHost At, string A, string B, int Strikes, long Since,
        IReadOnlyList<string> Views)
    {
        public string? Paused { get; set; }
    }
}
