// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Contracts.Sites;
using Lifeboat.Protection;
using Lifeboat.Protection.Instances;
using Lifeboat.Sites;

namespace Lifeboat.Controller.Sides;

internal sealed partial class LocalSide
{
    public async Task ShutDownAsync(string group, string instance, TimeSpan limit, CancellationToken ct) =>
        await AskSiteAsync(site.ShutDownAsync(MemberOf(group, instance).Instance, limit, ct));

    public async Task RestartAsync(string group, string instance, CancellationToken ct)
    {
        if (Ability<IRestartsInstances>() is not { } restarts)
        {
            throw new ProblemException(ReasonCode.NotAllowed, $"the driver of site {name} cannot boot {instance} again",
                "Start it by hand.");
        }
        if (Require(group).PrimarySite != name)
            throw new ProblemException(ReasonCode.PrimaryMoved, $"site {name} is not primary for group {group}");
        await AskSiteAsync(restarts.RestartAsync(MemberOf(group, instance).Instance, ct));
    }

    public async Task StopAsync(string group, string instance, CancellationToken ct) =>
        await AskSiteAsync(site.StopAsync(MemberOf(group, instance).Instance, ct));

    public async Task<SiteInstance> StartAsync(StartRequest request, CancellationToken ct) =>
        await AskSiteAsync(site.StartAsync(await WithHeldAsync(
            request with { Description = boot.Resolve(request.Description) }, ct), ct));

    public Task RemoveAsync(string instance, CancellationToken ct) => AskSiteAsync(site.RemoveAsync(instance, ct));

    public async Task<SiteFit> FitAsync(IReadOnlyList<InstanceDescription> instances, bool isolated, bool reprotects,
        CancellationToken ct)
    {
        var missing = instances.SelectMany(i => boot.Missing(i).Select(f => (i.Name,
            $"boot file {f} is not at this site"))).ToList();
        // What is said of a file already is not to be said once more by its path here.
        var asked = instances.Select(i => missing.Any(m => m.Name == i.Name) ? i with { Kernel = null }
            : boot.Resolve(i));
        var fit = await AskSiteAsync(site.FitAsync([.. asked], isolated, ct));
        var unheld = isolated || reprotects ? [] : await UnheldAsync(instances, ct);
        return fit with { Gaps = [.. SiteFit.Said(missing), .. fit.Gaps, .. unheld] };
    }

    public T? Ability<T>() where T : class => site as T ?? names as T ?? mover as T;
}
