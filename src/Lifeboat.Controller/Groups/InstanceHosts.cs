// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Contracts.Sites;
using Lifeboat.Controller.Sides;
using Lifeboat.Controller.Storage;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;
using Lifeboat.Recovery;
using Lifeboat.Recovery.Runs;
using Lifeboat.Sites;

namespace Lifeboat.Controller.Groups;

/// <summary>
/// On which host of the site an instance runs: said when it is adopted or started, changed when it is migrated. The
/// agent of that host is the source of its group.
/// </summary>
internal sealed class InstanceHosts(LocalSide here, ISite site, SiteAgents agents, GroupStore groups,
    InstanceCatalog instances, IRunStore runs)
{
    /// <summary>
    /// One that was migrated by whoever started it is adopted again, with its new host: its group's source follows.
    /// </summary>
    /// <exception cref="ProblemException">HostUnknown; Conflict; or as the adoption was refused.</exception>
    public async Task<SiteInstance> AdoptAsync(AdoptRequest request, CancellationToken ct)
    {
        if (request.Host is { } host) await CheckAsync(request.Name, host, ct);
        var adopted = await instances.AdoptAsync(request, ct);
        if (Own(request.Name) is { } group && here.HostOf(group.Name) != adopted.Host)
            await here.FollowAsync(group.Name, ct);
        return adopted;
    }

    public async Task<SiteInstance> StartAsync(StartRequest request, CancellationToken ct)
    {
        if (request.Host is { } host) await CheckAsync(request.Instance, host, ct);
        return await instances.StartAsync(request, ct);
    }

    /// <summary>Moves a running instance to another host; one that is there already is left alone.</summary>
    /// <exception cref="ProblemException">
    /// HostUnknown, InstanceUnknown, NotAllowed; WrongState: it does not run; Conflict: its group would be torn;
    /// RunInProgress; AgentUnreachable: the agent there does not answer; or as the move was refused.
    /// </exception>
    public async Task<SiteInstance> MigrateAsync(string instance, MigrateRequest request, CancellationToken ct)
    {
        await CheckAsync(instance, request.Host, ct);
        if (site is not IMigratesInstances migrates)
            throw new ProblemException(ReasonCode.NotAllowed, $"the driver of site {here.Name} migrates no instances");
        var now = await instances.GetAsync(instance, ct);
        if (now.Host == request.Host) return now;
        if (now.Power is not InstancePower.Running)
            throw new ProblemException(ReasonCode.WrongState, $"{instance} is {now.Power}, so it cannot be migrated",
                "Start it at the other host: `host` in its start request.");
        // Whoever is to go on must be there before anybody lets go.
        await agents.StatusAsync(request.Host, ct);
        var move = () => MoveAsync(migrates, instance, request.Host, ct);
        if (Own(instance) is not { } group) await move();
        else
        {
            if ((await runs.UnfinishedAsync(ct)).FirstOrDefault(r => r.Group == group.Name) is { } run)
                throw new ProblemException(ReasonCode.RunInProgress, $"group {group.Name} has a run under way",
                    $"{run.Kind} {run.Id}; cancel it or wait for its end.");
            await here.MoveInstanceAsync(group.Name, move, ct);
        }
        return await instances.GetAsync(instance, ct);
    }

    private static async Task MoveAsync(
        IMigratesInstances migrates, string instance, string host, CancellationToken ct)
    {
        try
        {
            await migrates.MigrateAsync(instance, host, ct);
        }
        catch (SiteException e)
        {
            throw SiteProblem.Of(e);
        }
    }

    private GroupDefinition? Own(string instance) =>
        groups.WithMember(instance) is { } group && group.PrimarySite == here.Name ? group : null;

    private async Task CheckAsync(string instance, string host, CancellationToken ct)
    {
        agents.Of(host);
        foreach (var other in Own(instance)?.Members.Where(m => m.Instance != instance) ?? [])
            if (await instances.FindAsync(other.Instance, ct) is { } there && there.Host != host)
                throw new ProblemException(ReasonCode.Conflict,
                    $"{instance} and {other.Instance} are in one group, which has one agent; {other.Instance} runs at "
                    + $"host {there.Host}",
                    "Make a group of each, of one application: it shares cuts over all hosts.");
    }
}
