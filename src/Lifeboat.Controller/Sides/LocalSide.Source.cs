// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Contracts.Agents;
using Lifeboat.Contracts.Peers;
using Lifeboat.Contracts.Sites;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;

namespace Lifeboat.Controller.Sides;

internal sealed partial class LocalSide
{
    public async Task StartSourceAsync(string group, CancellationToken ct)
    {
        using var alone = await locks.EnterAsync(group, ct);
        var definition = Require(group);
        if (definition.PrimarySite != name)
        {
            throw new ProblemException(ReasonCode.PrimaryMoved,
                $"site {definition.PrimarySite} is primary for group {group}, not {name}");
        }
        if (definition.MovedByCloud)
        {
            await mover.RequireReadyAsync(definition, ct);
            if (definition.MovedByMirror) await mover.BeginMirrorAsync(definition, ct);
            specs.SaveSource(MovedSpec(definition), active: true);
        }
        else
        {
            await PutSourceAsync(await SourceSpecAsync(definition, ct), ct);
        }
        // A replica from when this was the recovery site is history now: it must never pass for the present one.
        if (specs.Replica(group) is { Active: true } old) specs.SaveReplica(old with { Active = false });
    }

    /// <summary>Suspends the source, or resumes it (null): in the definition, then at the agent.</summary>
    /// <exception cref="ProblemException">WrongState: there is no source.</exception>
    public async Task<GroupDefinition> SuspendAsync(string group, Suspension? suspension, CancellationToken ct)
    {
        using var alone = await locks.EnterAsync(group, ct);
        var definition = Require(group);
        if (specs.Source(group) is not { Active: true } source || definition.PrimarySite != name)
        {
            throw new ProblemException(ReasonCode.WrongState,
                $"group {group} is not replicated from site {name} now: there is nothing to suspend");
        }
        var next = definition with { Version = definition.Version + 1, Suspension = suspension };
        groups.Save(new GroupRecord(next, Removed: false));
        var spec = source.Spec with { Suspension = suspension };
        specs.SaveSource(spec, active: true);
        if (!next.MovedByCloud) await agents.Of(spec.Host).PutSourceAsync(spec, ct);
        return next;
    }

    public async Task StopSourceAsync(string group, CancellationToken ct)
    {
        using var alone = await locks.EnterAsync(group, ct);
        var definition = Require(group);
        if (!definition.MovedByCloud) await UninstallAsync(definition, ct);
        // The other side's can be mirrored to here then. Whoever only ceases to be a source keeps its copy there.
        else if (definition.MovedByMirror && definition.PrimarySite != name) await mover.LetGoAsync(definition, ct);
        specs.RemoveSource(group);
    }

    // A change map lives in QEMU's memory: where no instance runs any more, nothing is left to uninstall.
    private async Task UninstallAsync(GroupDefinition group, CancellationToken ct)
    {
        var agent = SourceAgent(group.Name);
        try
        {
            await agent.DeleteSourceAsync(group.Name, uninstall: true, ct);
        }
        catch (ProblemException e) when (e.Reason is ReasonCode.MonitorUnreachable)
        {
            foreach (var member in group.Members)
                if (await FindInstanceAsync(member.Instance, ct) is { Power: not InstancePower.Stopped }) throw;
            await agent.DeleteSourceAsync(group.Name, uninstall: false, ct);
        }
    }

    public async Task<SourceStatus?> SourceAsync(string group, CancellationToken ct)
    {
        if (mover.Moves(group)) return mover.Source(group);
        try
        {
            return await SourceAgent(group).SourceAsync(group, ct) with { Unprotected = plugged.Of(group) };
        }
        catch (ProblemException e) when (e.Reason is ReasonCode.GroupUnknown)
        {
            return null;
        }
    }

    /// <summary>What the agent of a host said of all its sources within the last second, by group.</summary>
    /// <exception cref="ProblemException">AgentUnreachable: it did not answer; HostUnknown.</exception>
    public Task<IReadOnlyDictionary<string, SourceStatus>> SourcesAsync(string host, CancellationToken ct) =>
        SoonAsync(host, _sources.GetOrAdd(host, _ => new(time)).AskAsync(async limit =>
            (await agents.Of(host).SourcesAsync(limit)).ToDictionary(s => s.Group,
                s => s with { Unprotected = plugged.Of(s.Group) }, StringComparer.Ordinal), ct), ct);

    public Task<CheckpointResult> CheckpointAsync(string group, CheckpointRequest request, CancellationToken ct) =>
        mover.Moves(group) ? mover.CheckpointAsync(group, request, ct)
            : SourceAgent(group).CheckpointAsync(group, request, ct);

    /// <summary>Puts what is wanted to the agent again; what is not wanted any more is stopped again.</summary>
    public async Task RestoreSourceAsync(string group, CancellationToken ct)
    {
        using var alone = locks.TryEnter(group);
        if (alone is null) return;
        if (specs.Source(group) is not { } source || mover.Moves(group)) return;
        if (!source.Active)
        {
            await agents.Of(source.Spec.Host).DeleteSourceAsync(group, uninstall: false, ct);
            return;
        }
        await PutSourceAsync(await RefreshedAsync(source.Spec, ct), ct);
    }

    // While an instance cannot be asked, what was known of it last is the best there is.
    private async Task<SourceSpec> RefreshedAsync(SourceSpec known, CancellationToken ct)
    {
        try
        {
            return await SourceSpecAsync(Require(known.Group), ct);
        }
        catch (ProblemException)
        {
            return known with { Suspension = Require(known.Group).Suspension };
        }
    }

    // Who moves it is the controller: there is nothing for an agent to do.
    private SourceSpec MovedSpec(GroupDefinition group) => new()
    {
        Group = group.Name,
        RecoverySite = group.RecoverySite,
        Epoch = group.Epoch,
        Moves = group.SourceMoves,
        Target = peers.Get(group.RecoverySite).Link,
        Volumes = [],
        Instances = [],
        Policy = group.Policy,
        Suspension = group.Suspension,
    };

    /// <summary>Where the group's disks are now: an instance that was started again may have other sockets.</summary>
    private async Task<SourceSpec> SourceSpecAsync(GroupDefinition group, CancellationToken ct)
    {
        var instances = await InstancesAsync(group, ct);
        return new SourceSpec
        {
            Group = group.Name,
            RecoverySite = group.RecoverySite,
            Epoch = group.Epoch,
            Moves = group.SourceMoves,
            Host = HostOf(group, instances),
            Target = peers.Get(group.RecoverySite).Link,
            Volumes = VolumesOf(group, instances),
            Instances = [.. instances.Values.Select(i => new SourceInstance(i.Name, i.QmpSocket, i.GuestAgentSocket))],
            Policy = group.Policy,
            Suspension = group.Suspension,
        };
    }

    private async Task<Dictionary<string, SiteInstance>> InstancesAsync(GroupDefinition group, CancellationToken ct)
    {
        var instances = new Dictionary<string, SiteInstance>();
        foreach (var member in group.Members)
            instances[member.Instance] = await AskSiteAsync(site.GetAsync(member.Instance, ct));
        return instances;
    }

    private static IReadOnlyList<SourceVolume> VolumesOf(GroupDefinition group,
        Dictionary<string, SiteInstance> instances) =>
        [.. group.Volumes.Select(v => Volume(v, instances[v.Instance]))];

    private static SourceVolume Volume(GroupVolume volume, SiteInstance instance)
    {
        var disk = instance.Disks.FirstOrDefault(d => d.Name == volume.Disk)
            ?? throw new ProblemException(ReasonCode.VolumeUnknown,
                $"{instance.Name} has no disk {volume.Disk} any more");
        // The agent looks for itself how long it is now; the group may know an older size.
        return new SourceVolume(volume.Index, volume.Name, instance.Name, instance.QmpSocket, disk.Device,
            volume.SizeBytes)
        {
            Identity = disk.Identity,
        };
    }
}
