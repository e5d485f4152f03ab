// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Contracts.Sites;
using Lifeboat.Controller.Access;
using Lifeboat.Controller.Policies;
using Lifeboat.Controller.Storage;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;
using Lifeboat.Recovery.Runs;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;

namespace Lifeboat.Controller.Tenancy;

/// <summary>
/// Makes full names of what a request names, and refuses what is another tenant's just as what is not there. In front
/// of
/// the handlers, so that none can forget it: they see full names and nothing of anybody else.
/// </summary>
internal sealed class TenantScope(SiteConfiguration site, IRunStore runs, InstanceTenants instances,
    TenantStore tenants)
{
    /// <exception cref="ProblemException">GroupUnknown, RunUnknown, InstanceUnknown, TenantUnknown.</exception>
    public async Task ResolveAsync(HttpContext context, Caller caller, CancellationToken ct)
    {
        var values = context.Request.RouteValues;
        if (values["group"] is string group) values["group"] = Group(group, caller);
        if (values["application"] is string application)
            values["application"] = Full(application, caller) ?? throw new ProblemException(ReasonCode.GroupUnknown,
                $"no group belongs to an application {application}",
                "Name it with `lifeboat group create --application`.");
        if (values["policy"] is string policy)
            values["policy"] = Full(policy, caller) ?? throw PolicyCatalog.Unknown(policy);
        if (values["tenant"] is string tenant && (!caller.Sees(tenant) || tenants.Find(tenant) is null))
            throw TenantStore.Unknown(tenant);
        ResolveQuery(context.Request, caller);
        if (caller.Tenant is not { } own) return;
        if (values["run"] is string text && Guid.TryParse(text, out var id)) await ThrowUnlessOwnAsync(id, own, ct);
        if (context.Request.Path.StartsWithSegments("/v1/instances")
            && (values["name"] ?? values["instance"]) is string instance && instances.TenantOf(instance) != own)
            throw new ProblemException(ReasonCode.InstanceUnknown, $"site {site.Name} has no instance {instance}");
    }

    /// <summary>The full name of a group that the caller may name.</summary>
    /// <exception cref="ProblemException">GroupUnknown: it is another tenant's.</exception>
    public string Group(string name, Caller caller) => Full(name, caller)
        ?? throw new ProblemException(ReasonCode.GroupUnknown, $"site {site.Name} has no group {name}");

    private static string? Full(string name, Caller caller) =>
        caller.Tenant is { } tenant ? GroupName.Within(tenant, name) : name;

    // Lists are asked for those of one group.
    private void ResolveQuery(HttpRequest request, Caller caller)
    {
        if (!request.Query.TryGetValue("group", out var named) || named is not [{ } group]) return;
        var query = request.Query.ToDictionary(q => q.Key, q => q.Value);
        query["group"] = new StringValues(Group(group, caller));
        request.Query = new QueryCollection(query);
    }

    private async Task ThrowUnlessOwnAsync(Guid id, string tenant, CancellationToken ct)
    {
        if (await runs.FindAsync(id, ct) is { } run && GroupName.TenantOf(run.Group) != tenant)
            throw new ProblemException(ReasonCode.RunUnknown, $"there is no run {id} at this site");
    }
}
