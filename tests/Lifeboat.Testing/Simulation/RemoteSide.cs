// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Contracts.Agents;
using Lifeboat.Contracts.Peers;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;
using Lifeboat.Protection.RecoveryPoints;
using Lifeboat.Recovery.Sides;

namespace Lifeboat.Testing.Simulation;

/// <summary>
/// A peer's controller, asked over the network: the request may be lost, its answer may be lost after it had its
/// effect, and a copy of it may arrive again (I8).
/// </summary>
internal sealed class RemoteSide(SimulatedHost caller, SimulatedHost peer, SimulatedNetwork network, Prng prng)
    : ISiteSide
{
    public string Name => peer.Name;
    /// <summary>An unplanned failover must not make any (I11).</summary>
    public long Requests { get; private set; }

    public Task<GroupDefinition?> GroupAsync(string group, CancellationToken ct) =>
        AskAsync(s => s.GroupAsync(group, ct), ct);

    public Task SetGroupAsync(GroupDefinition definition, CancellationToken ct) =>
        DoAsync(s => s.SetGroupAsync(definition, ct), ct);

    public Task StartSourceAsync(string group, CancellationToken ct) =>
        DoAsync(s => s.StartSourceAsync(group, ct), ct);

    public Task StopSourceAsync(string group, CancellationToken ct) => DoAsync(s => s.StopSourceAsync(group, ct), ct);

    public Task<SourceStatus?> SourceAsync(string group, CancellationToken ct) =>
        AskAsync(s => s.SourceAsync(group, ct), ct);

    public Task<CheckpointResult> CheckpointAsync(string group, CheckpointRequest request, CancellationToken ct) =>
        AskAsync(s => s.CheckpointAsync(group, request, ct), ct);

    public Task AcceptReplicaAsync(string group, AcceptReplicaRequest request, CancellationToken ct) =>
        DoAsync(s => s.AcceptReplicaAsync(group, request, ct), ct);

    public async Task<RecoveryPoint> AcceptKeepingAsync(string group, string pin, CancellationToken ct)
    {
        RecoveryPoint? kept = null;
        await DoAsync(async s => kept = await s.AcceptKeepingAsync(group, pin, ct), ct);
        return kept!;
    }

    public Task<ViewInfo> OpenKeptAsync(string group, string pin, CancellationToken ct) =>
        AskAsync(s => s.OpenKeptAsync(group, pin, ct), ct);

    public Task<bool> RunsAsync(string group, CancellationToken ct) => AskAsync(s => s.RunsAsync(group, ct), ct);

    public Task DropReplicaAsync(string group, CancellationToken ct) =>
        DoAsync(s => s.DropReplicaAsync(group, ct), ct);

    public Task<ReplicaStatus?> ReplicaAsync(string group, CancellationToken ct) =>
        AskAsync(s => s.ReplicaAsync(group, ct), ct);

    public Task ShutDownAsync(string group, string instance, TimeSpan limit, CancellationToken ct) =>
        DoAsync(s => s.ShutDownAsync(group, instance, limit, ct), ct);

    public Task RestartAsync(string group, string instance, CancellationToken ct) =>
        DoAsync(s => s.RestartAsync(group, instance, ct), ct);

    public Task StopAsync(string group, string instance, CancellationToken ct) =>
        DoAsync(s => s.StopAsync(group, instance, ct), ct);

    private async Task DoAsync(Func<SimulatedSide, Task> request, CancellationToken ct)
    {
        await AskAsync(async side =>
        {
            await request(side);
            return true;
        }, ct);
        if (!network.Stormy && prng.Chance(0.3)) await RepeatAsync(request);
    }

    // I8: what was done is asked for once more, and nothing may come of it. Only in calm weather: the caller waits for
    // it, so nobody else changes anything meanwhile.
    private async Task RepeatAsync(Func<SimulatedSide, Task> request)
    {
        if (peer.Controller is not { Process.Alive: true } controller) return;
        var before = peer.Wishes;
        try
        {
            await controller.Process.CallAsync(() => request(controller.Side));
        }
        catch (Exception e) when (e is ProblemException or ProcessDiedException)
        {
            // A copy may be refused; it may not do anything.
        }
        peer.World.Count("requests repeated");
        if (!network.Stormy && peer.Wishes is var after && after != before)
            peer.World.Violate("I8", $"a request to {peer.Name} was repeated: before {before}, after {after}");
    }

    private async Task<T> AskAsync<T>(Func<SimulatedSide, Task<T>> request, CancellationToken ct)
    {
        Requests++;
        await caller.TravelAsync(network, ct);
        if (network.IsCut(caller.Name) || peer.Controller is not { Process.Alive: true } controller)
            throw Unreachable("no answer");
        if (prng.Chance(network.Stormy ? 0.05 : 0)) throw Unreachable("the request was lost");
        // The same request twice, side by side: a client that repeats what it thought lost.
        if (prng.Chance(network.Stormy ? 0.1 : 0)) controller.Process.Start(() => SwallowAsync(controller, request));
        T answer;
        try
        {
            answer = await controller.Process.CallAsync(() => request(controller.Side)).WaitAsync(ct);
        }
        catch (ProcessDiedException e)
        {
            throw Unreachable(e.Message);
        }
        await caller.TravelAsync(network, ct);
        if (network.IsCut(peer.Name) || prng.Chance(network.Stormy ? 0.05 : 0))
            throw Unreachable("the answer was lost");
        return answer;
    }

    private static async Task SwallowAsync<T>(SimulatedController controller, Func<SimulatedSide, Task<T>> request)
    {
        try
        {
            await request(controller.Side);
        }
        catch (Exception e) when (e is ProblemException or OperationCanceledException)
        {
            // Nobody waits for the answer of a copy.
        }
    }

    private ProblemException Unreachable(string why) =>
        new(ReasonCode.PeerUnreachable, $"site {peer.Name} does not answer: {why}");
}
