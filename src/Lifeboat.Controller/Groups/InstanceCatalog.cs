// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Contracts.Sites;
using Lifeboat.Controller.Storage;
using Lifeboat.Protection;
using Lifeboat.Recovery;
using Lifeboat.Sites;

namespace Lifeboat.Controller.Groups;

/// <summary>The site's instances, for people: what a group must not let happen to its members is refused.</summary>
internal sealed class InstanceCatalog(string here, ISite site, GroupStore groups)
{
    public Task<IReadOnlyList<SiteInstance>> ListAsync(CancellationToken ct) => AskAsync(site.ListAsync(ct));

    public Task<SiteInstance> GetAsync(string instance, CancellationToken ct) => AskAsync(site.GetAsync(instance, ct));

    public async Task<SiteInstance?> FindAsync(string instance, CancellationToken ct)
    {
        try
        {
            return await site.GetAsync(instance, ct);
        }
        catch (SiteException e) when (e.Fault is SiteFault.InstanceUnknown)
        {
            return null;
        }
        catch (SiteException e)
        {
            throw SiteProblem.Of(e);
        }
    }

    public Task<SiteInstance> AdoptAsync(AdoptRequest request, CancellationToken ct)
    {
        ThrowIfBadName(request.Name);
        return site is IAdoptsInstances adopts
            ? AskAsync(adopts.AdoptAsync(request, ct))
            : throw new ProblemException(ReasonCode.NotAllowed, $"the driver of site {here} adopts no instances");
    }

    /// <summary>Starts an instance, unless it now runs elsewhere: two writers are worse than none (I2).</summary>
    public Task<SiteInstance> StartAsync(StartRequest request, CancellationToken ct)
    {
        ThrowIfBadName(request.Instance);
        if (groups.WithMember(request.Instance) is { } group && group.PrimarySite != here)
        {
            throw new ProblemException(ReasonCode.PrimaryMoved,
                $"{request.Instance} is in group {group.Name}, which runs at site {group.PrimarySite}",
                "Bring it home with a failback.");
        }
        return AskAsync(site.StartAsync(request, ct));
    }

    public async Task StopAsync(string instance, CancellationToken ct)
    {
        await GetAsync(instance, ct);
        await AskAsync(DoneAsync(site.StopAsync(instance, ct)));
    }

    public async Task RemoveAsync(string instance, CancellationToken ct)
    {
        if (groups.WithMember(instance) is { } group)
        {
            throw new ProblemException(ReasonCode.Conflict, $"{instance} is in group {group.Name}",
                "Delete the group first.");
        }
        await GetAsync(instance, ct);
        await AskAsync(DoneAsync(site.RemoveAsync(instance, ct)));
    }

    private static void ThrowIfBadName(string name)
    {
        if (!EntityName.IsValid(name))
            throw new ProblemException(ReasonCode.InvalidRequest, $"instance name is '{name}'; {EntityName.Rule}");
    }

    private static async Task<bool> DoneAsync(Task task)
    {
        await task;
        return true;
    }

    private static async Task<T> AskAsync<T>(Task<T> asked)
    {
        try
        {
            return await asked;
        }
        catch (SiteException e)
        {
            throw SiteProblem.Of(e);
        }
    }
}
