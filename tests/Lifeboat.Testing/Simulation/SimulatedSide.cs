// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Contracts.Agents;
using Lifeboat.Contracts.Peers;
using Lifeboat.Contracts.Sites;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;
using Lifeboat.Protection.Instances;
using Lifeboat.Protection.RecoveryPoints;
using Lifeboat.Recovery.Sides;
using Lifeboat.Replication.Replicas;

namespace Lifeboat.Testing.Simulation;

/// <summary>
/// What a controller can do at its own simulated site. What was asked for is kept first and carried out after, by
/// whichever agent process lives then; every call may be cut in the middle and repeated.
/// </summary>
internal sealed partial class SimulatedSide(SimulatedHost host, RemoteSide peer) : IOwnSide
{
    private readonly SimulatedAbilities _abilities = new(host);
    private Task _last = Task.CompletedTask;

    public string Name => host.Name;

    public async Task<GroupDefinition?> GroupAsync(string group, CancellationToken ct)
    {
        await host.PauseAsync(500, ct);
        return host.Group;
    }

    public Task SetGroupAsync(GroupDefinition definition, CancellationToken ct) =>
        SerialAsync(() => SetAsync(definition, ct));

    public Task StartSourceAsync(string group, CancellationToken ct) =>
        SerialAsync(() => BeginSourceAsync(group, ct));

    public Task StopSourceAsync(string group, CancellationToken ct) =>
        SerialAsync(() => EndSourceAsync(group, ct));

    public Task<SourceStatus?> SourceAsync(string group, CancellationToken ct) =>
        AgentAsync(a => Task.FromResult(a.SourceStatus()), ct);

    public Task<CheckpointResult> CheckpointAsync(string group, CheckpointRequest request, CancellationToken ct) =>
        AgentAsync(a => a.CheckpointAsync(request), ct);

    public Task AcceptReplicaAsync(string group, AcceptReplicaRequest request, CancellationToken ct) =>
        SerialAsync(() => AcceptAsync(request.Seeded, ct));

    public async Task<RecoveryPoint> AcceptKeepingAsync(string group, string pin, CancellationToken ct)
    {
        RecoveryPoint? kept = null;
        await SerialAsync(async () =>
        {
            kept = await KeepAsync(pin, ct);
            await AcceptAsync(seeded: true, ct);
        });
        return kept!;
    }

    public Task<ViewInfo> OpenKeptAsync(string group, string pin, CancellationToken ct) =>
        AgentAsync(a => a.OpenKeptAsync(pin), ct);

    public async Task<bool> RunsAsync(string group, CancellationToken ct)
    {
        await host.PauseAsync(500, ct);
        return host.Instance is { Running: true };
    }

    public Task DropReplicaAsync(string group, CancellationToken ct) => SerialAsync(() => DropAsync(ct));

    public Task<ReplicaStatus?> ReplicaAsync(string group, CancellationToken ct) =>
        AgentAsync(a => Task.FromResult(a.ReplicaStatus()), ct);

    public async Task ShutDownAsync(string group, string instance, TimeSpan limit, CancellationToken ct)
    {
        await host.PauseAsync(500, ct);
        host.World.Drills.Stops(host, instance);
        host.ShutDown = true;
        if (host.Instance is not { Running: true } running) return;
        running.Guest!.Stop();
        var until = host.Now + limit.Ticks;
        while (running.Running && !running.Guest.Stopped)
        {
            if (host.Now > until) throw new ProblemException(ReasonCode.Timeout, "the guest did not shut down");
            await host.PauseAsync(10_000, ct);
        }
        if (!running.Running) throw new ProblemException(ReasonCode.MonitorUnreachable, "the instance is gone");
    }

    public async Task RestartAsync(string group, string instance, CancellationToken ct)
    {
        await host.PauseAsync(500, ct);
        host.ShutDown = false;
        if (host.WantRunning && host.Instance is { Running: true } down) down.BootAgain();
        else host.PowerOn();
    }

    public async Task StopAsync(string group, string instance, CancellationToken ct)
    {
        await host.PauseAsync(500, ct);
        host.World.Drills.Stops(host, instance);
        host.WantRunning = false;
        host.Instance?.PowerOff();
    }

    private async Task SetAsync(GroupDefinition definition, CancellationToken ct)
    {
        await host.PauseAsync(500, ct);
        if (host.Group is { } known && known.Supersedes(definition))
            throw new ProblemException(ReasonCode.StaleEpoch, $"{Name} knows epoch {known.Epoch}");
        host.SetGroup(definition);
        await host.PauseAsync(500, ct);
        if (definition.PrimarySite != Name)
        {
            host.SourceWanted = null;
            await AgentAsync(a => a.StopSourceAsync(uninstall: false), ct);
        }
        if (host.ReplicaWanted is not null) await AgentAsync(a => a.RaiseEpochAsync(definition.Epoch), ct);
    }

    private async Task BeginSourceAsync(string group, CancellationToken ct)
    {
        await host.PauseAsync(500, ct);
        var definition = host.Group!;
        if (definition.PrimarySite != Name)
            throw new ProblemException(ReasonCode.WrongSite, $"{definition.PrimarySite} is the primary site");
        if (host.Instance is null)
            throw new ProblemException(ReasonCode.InstanceUnknown, $"{Name} has no instance");
        if (host.SourceWanted != definition.Epoch) host.BeginSource(definition.Epoch);
        await AgentAsync(a => a.StartSourceAsync(), ct);
    }

    private async Task EndSourceAsync(string group, CancellationToken ct)
    {
        await host.PauseAsync(500, ct);
        host.SourceWanted = null;
        await AgentAsync(a => a.StopSourceAsync(uninstall: true), ct);
    }

    private async Task<RecoveryPoint> KeepAsync(string pin, CancellationToken ct)
    {
        await host.PauseAsync(500, ct);
        if (host.Kept.All(k => k.Origin!.Pin != pin))
        {
            if (host.Instance is { Running: true })
                host.World.Violate("I5", "the state of a running instance is to be kept: it is not its last");
            host.Keep(host.Group!, new OriginPoint(pin, $"state of {Name}", host.Group!.Fork!.EpochOf(Name),
                SimulatedProcess.Current.Clock.GetUtcNow()));
        }
        return await AgentAsync(a => a.KeepAsync(pin), ct);
    }

    private async Task AcceptAsync(bool seeded, CancellationToken ct)
    {
        await host.PauseAsync(500, ct);
        var definition = host.Group!;
        if (host.ReplicaWanted is { } wanted && wanted.Epoch == definition.Epoch)
        {
            await AgentAsync(a => a.StartReplicaAsync(), ct);
            return;
        }
        await DropAsync(ct);
        host.BeginReplica(definition, seeded);
        await AgentAsync(a => a.StartReplicaAsync(), ct);
    }

    private async Task DropAsync(CancellationToken ct)
    {
        // First it is no longer wanted, then it goes: an agent that starts in between must not open half of it.
        host.ReplicaUnwanted ??= host.ReplicaWanted;
        host.ReplicaWanted = null;
        if (host.ReplicaUnwanted is { } unwanted) await AgentAsync(a => a.DropReplicaAsync(unwanted), ct);
        host.ReplicaUnwanted = null;
    }

    private async Task AgentAsync(Func<SimulatedAgent, Task> request, CancellationToken ct) =>
        await AgentAsync(async agent =>
        {
            await request(agent);
            return true;
        }, ct);

    private async Task<T> AgentAsync<T>(Func<SimulatedAgent, Task<T>> request, CancellationToken ct)
    {
        await host.PauseAsync(200, ct);
        if (host.Agent is not { Process.Alive: true } agent)
            throw new ProblemException(ReasonCode.AgentUnreachable, $"the agent of {Name} is down");
        try
        {
            return await agent.Process.CallAsync(() => request(agent)).WaitAsync(ct);
        }
        catch (ProcessDiedException e)
        {
            throw new ProblemException(ReasonCode.AgentUnreachable, e.Message, cause: e);
        }
    }

    /// <summary>Requests that change something are carried out one after the other.</summary>
    private async Task SerialAsync(Func<Task> request)
    {
        var before = _last;
        var mine = new TaskCompletionSource();
        _last = mine.Task;
        await before;
        try
        {
            await request();
        }
        finally
        {
            mine.SetResult();
        }
    }
}
