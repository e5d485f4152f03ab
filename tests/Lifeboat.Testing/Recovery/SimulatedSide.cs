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
using Lifeboat.Sites;
using Lifeboat.Testing.Sites;

namespace Lifeboat.Testing.Recovery;

/// <summary>
/// A whole site for steps: definitions, an <see cref="AgentDouble"/> and a <see cref="SimulatedSite"/>, by the rules
/// that <see cref="ISiteSide"/> gives. It is the world, not a process: controllers die and come back around it.
/// </summary>
/// <param name="pause">Awaited before and after every effect: where a controller can be killed.</param>
public sealed class SimulatedSide(string name, SimulatedSite site, AgentDouble agent, Func<string, string> linkOf,
    Func<Task>? pause = null) : IOwnSide
{
    private readonly Dictionary<string, GroupDefinition> _groups = [];
    private readonly Dictionary<string, Epoch> _accepted = [];

    public string Name => name;
    public SimulatedSite Site => site;
    public AgentDouble Agent => agent;
    /// <summary>Null: the site has no name servers.</summary>
    public NameServersDouble? Names { get; set; }
    /// <summary>Null: its groups are not moved by backups.</summary>
    public RestoresDouble? Restores { get; set; }
    /// <summary>As a peer it does not answer.</summary>
    public bool Unreachable { get; set; }
    /// <summary>Requests made to this site as a peer.</summary>
    public int AskedAsPeer { get; private set; }
    /// <summary>For steps elsewhere: counts, and refuses while unreachable.</summary>
    public ISiteSide AsPeer()
    {
        AskedAsPeer++;
        return Unreachable
            ? throw new ProblemException(ReasonCode.PeerUnreachable, $"{name} does not answer")
            : this;
    }

    /// <summary>For tests that look in from outside.</summary>
    public GroupDefinition Known(string group) => _groups[group];

    public Task<GroupDefinition?> GroupAsync(string group, CancellationToken ct) =>
        DoAsync(() => _groups.GetValueOrDefault(group));

    public Task SetGroupAsync(GroupDefinition definition, CancellationToken ct) =>
        DoAsync(() =>
        {
            var known = _groups.GetValueOrDefault(definition.Name);
            if (known?.Supersedes(definition) == true)
                throw new ProblemException(ReasonCode.StaleEpoch, $"{name} knows epoch {known.Epoch}");
            _groups[definition.Name] = definition;
            if (agent.ReplicaSpec(definition.Name) is { } replica && replica.Epoch < definition.Epoch)
                agent.RaiseEpoch(definition.Name, definition.Epoch);
            if (definition.PrimarySite != name) agent.DeleteSource(definition.Name);
            else if (agent.SourceSpec(definition.Name) is { } source)
                agent.PutSource(source with { Epoch = definition.Epoch });
            return true;
        });

    public Task StartSourceAsync(string group, CancellationToken ct) =>
        DoAsync(() =>
        {
            var definition = _groups[group];
            if (definition.PrimarySite != name)
                throw new ProblemException(ReasonCode.PrimaryMoved, $"{definition.PrimarySite} is primary");
            return agent.PutSource(new SourceSpec
            {
                Group = group,
                RecoverySite = definition.RecoverySite,
                Epoch = definition.Epoch,
                Target = linkOf(definition.RecoverySite),
                Policy = definition.Policy,
                Volumes = [.. definition.Volumes.Select(v => new SourceVolume(v.Index, v.Name, v.Instance,
                    $"/{name}/{v.Instance}/qmp.sock", v.Disk, v.SizeBytes))],
                Instances = [.. definition.Members.Select(m => new SourceInstance(m.Instance, "qmp", null))],
            });
        });

    public Task StopSourceAsync(string group, CancellationToken ct) =>
        DoAsync(() =>
        {
            agent.DeleteSource(group);
            return true;
        });

    public Task<SourceStatus?> SourceAsync(string group, CancellationToken ct) =>
        DoAsync(() => agent.SourceSpec(group) is null ? null : agent.GetSource(group));

    public Task<CheckpointResult> CheckpointAsync(string group, CheckpointRequest request, CancellationToken ct) =>
        DoAsync(() => agent.Checkpoint(group, request));

    public Task AcceptReplicaAsync(string group, AcceptReplicaRequest request, CancellationToken ct) =>
        DoAsync(() => Accept(group));

    public Task<RecoveryPoint> AcceptKeepingAsync(string group, string pin, CancellationToken ct) => DoAsync(() =>
    {
        var kept = agent.Keep(SpecOf(group) with
        {
            Keep = new KeptSeed(pin, $"state of {name}", _groups[group].Fork!.EpochOf(name), agent.Status().StartedAt),
        });
        Accept(group);
        return kept.Point;
    });

    public Task<ViewInfo> OpenKeptAsync(string group, string pin, CancellationToken ct) => DoAsync(() =>
        agent.OpenView(group, new ViewRequest(pin, agent.Kept(group).Single(k => k.Name == pin).Point.Id, null, true)));

    public async Task<bool> RunsAsync(string group, CancellationToken ct)
    {
        await PauseAsync();
        foreach (var member in _groups[group].Members)
            if ((await site.GetAsync(member.Instance, ct)).Power is not InstancePower.Running) return false;
        return true;
    }

    private ReplicaStatus Accept(string group)
    {
        var epoch = _groups[group].Epoch;
        if (_accepted.GetValueOrDefault(group) != epoch) agent.DeleteReplica(group);
        _accepted[group] = epoch;
        return agent.PutReplica(SpecOf(group));
    }

    private ReplicaSpec SpecOf(string group) => new()
    {
        Group = group,
        PrimarySite = _groups[group].PrimarySite,
        Epoch = _groups[group].Epoch,
        Retention = _groups[group].Policy.Retention,
        Volumes = [.. _groups[group].Volumes.Select(v => new ReplicaVolume(v.Index, v.Name, v.SizeBytes))],
    };

    public Task DropReplicaAsync(string group, CancellationToken ct) =>
        DoAsync(() =>
        {
            agent.DeleteReplica(group);
            return _accepted.Remove(group);
        });

    public Task<ReplicaStatus?> ReplicaAsync(string group, CancellationToken ct) =>
        DoAsync(() => agent.ReplicaSpec(group) is null ? null : agent.GetReplica(group));

    public Task ShutDownAsync(string group, string instance, TimeSpan limit, CancellationToken ct) =>
        SiteAsync(() => site.ShutDownAsync(instance, limit, ct));

    public Task RestartAsync(string group, string instance, CancellationToken ct) =>
        SiteAsync(() => site.RestartAsync(instance, ct));

    public Task StopAsync(string group, string instance, CancellationToken ct) =>
        SiteAsync(() => site.StopAsync(instance, ct));

    public Task<IReadOnlyList<RecoveryPoint>> PointsAsync(string group, CancellationToken ct) =>
        DoAsync(() => agent.Points(group));

    public Task PinAsync(string group, PinRequest request, CancellationToken ct) =>
        DoAsync(() =>
        {
            agent.Pin(group, request);
            return true;
        });

    public Task UnpinAsync(string group, string pin, CancellationToken ct) =>
        DoAsync(() =>
        {
            agent.Unpin(group, pin);
            return true;
        });

    public Task<ViewInfo> OpenViewAsync(string group, ViewRequest request, CancellationToken ct) =>
        DoAsync(() => agent.OpenView(group, request));

    public Task CloseViewAsync(string group, string view, CancellationToken ct) =>
        DoAsync(() =>
        {
            agent.CloseView(group, view);
            return true;
        });

    public async Task<SiteInstance> StartAsync(StartRequest request, CancellationToken ct)
    {
        await PauseAsync();
        var started = await site.StartAsync(request, ct);
        await PauseAsync();
        return started;
    }

    public Task RemoveAsync(string instance, CancellationToken ct) => SiteAsync(() => site.RemoveAsync(instance, ct));

    public Task<SiteFit> FitAsync(IReadOnlyList<InstanceDescription> instances, bool isolated, bool reprotects,
        CancellationToken ct) => site.FitAsync(instances, isolated, ct);

    public T? Ability<T>() where T : class => site as T ?? Names as T ?? Restores as T;

    public DateTimeOffset? SourceLastSeen(string group) => null;

    public long PeerRequests(string other) => 0;

    private async Task<T> DoAsync<T>(Func<T> effect)
    {
        await PauseAsync();
        var result = effect();
        await PauseAsync();
        return result;
    }

    private async Task SiteAsync(Func<Task> call)
    {
        await PauseAsync();
        await call();
        await PauseAsync();
    }

    private Task PauseAsync() => pause?.Invoke() ?? Task.CompletedTask;
}
