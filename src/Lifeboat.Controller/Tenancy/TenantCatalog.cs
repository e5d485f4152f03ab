// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Contracts.Api;
using Lifeboat.Controller.Access;
using Lifeboat.Controller.Api.Requests;
using Lifeboat.Controller.Policies;
using Lifeboat.Controller.Storage;
using Lifeboat.Protection;

namespace Lifeboat.Controller.Tenancy;

/// <summary>Tenants as people make, see and change them.</summary>
internal sealed class TenantCatalog(TenantStore tenants, TenantQuotas quotas, UserStore users,
    InstanceTenants instances, PolicyStore policies, TenantCaps caps, TimeProvider time)
{
    private const int DescriptionMax = 200;

    public IReadOnlyList<TenantInfo> All(Caller caller) =>
        [.. tenants.All().Where(t => caller.Sees(t.Name)).Select(Info)];

    public TenantInfo Get(string tenant) => Info(Require(tenant));

    /// <exception cref="ProblemException">InvalidRequest with all faults; Conflict.</exception>
    public async Task<TenantInfo> CreateAsync(CreateTenantRequest request, CancellationToken ct)
    {
        var limits = request.Limits ?? TenantLimits.None;
        List<string> faults = [.. Faults(request.Description), .. limits.Problems()];
        if (!EntityName.IsValid(request.Name)) faults.Insert(0, $"name is '{request.Name}'; {EntityName.Rule}");
        if (faults.Count > 0)
            throw new ProblemException(ReasonCode.InvalidRequest, "the tenant cannot be made so", null, faults);
        var tenant = new StoredTenant(request.Name, request.Description, limits, time.GetUtcNow());
        if (tenants.Find(tenant.Name) is null) DryRun.EndsHere();
        if (!tenants.TryAdd(tenant))
            throw new ProblemException(ReasonCode.Conflict, $"there is a tenant {request.Name} already");
        await caps.PutAsync(ct);
        return Info(tenant);
    }

    /// <summary>What it does not name stays, also what somebody else changes at the same time.</summary>
    /// <exception cref="ProblemException">TenantUnknown; InvalidRequest with all faults.</exception>
    public async Task<TenantInfo> ChangeAsync(string name, TenantChange change, CancellationToken ct)
    {
        var next = tenants.Change(name, tenant =>
        {
            var limits = change.Applied(tenant.Limits);
            List<string> faults = [.. Faults(change.Description), .. limits.Problems()];
            if (faults.Count > 0)
                throw new ProblemException(ReasonCode.InvalidRequest, $"tenant {name} cannot be changed so", null,
                    faults);
            DryRun.EndsHere();
            return tenant with
            {
                Description = change.Description switch { null => tenant.Description, "" => null, var text => text },
                Limits = limits,
            };
        });
        await caps.PutAsync(ct);
        return Info(next);
    }

    /// <summary>Gives it exactly this.</summary>
    /// <exception cref="ProblemException">PreconditionFailed: it is no longer as it was.</exception>
    public async Task SetAsync(StoredTenant expected, string? description, TenantLimits limits, CancellationToken ct)
    {
        tenants.Change(expected.Name, now => now.Limits == expected.Limits && now.Description == expected.Description
            ? now with { Description = description, Limits = limits }
            : throw new ProblemException(ReasonCode.PreconditionFailed,
                $"tenant {expected.Name} was changed by somebody else meanwhile"));
        await caps.PutAsync(ct);
    }

    /// <exception cref="ProblemException">Conflict: it still has something; NotAllowed: the default one.</exception>
    public void Delete(string name)
    {
        Require(name);
        if (name == TenantStore.Default)
            throw new ProblemException(ReasonCode.NotAllowed, "the default tenant stays");
        var left = new List<string>();
        if (quotas.Used(name).Groups is > 0 and var count) left.Add($"{count} groups");
        left.AddRange(users.All(name).Select(u => $"user {u.User.Name}"));
        left.AddRange(policies.All().Where(p => p.Tenant == name).Select(p => $"policy {p.Name}"));
        left.AddRange(instances.All().Where(i => i.Value == name).Select(i => $"instance {i.Key}"));
        if (left.Count > 0)
            throw new ProblemException(ReasonCode.Conflict, $"tenant {name} is not empty", null, left);
        DryRun.EndsHere();
        tenants.Remove(name);
    }

    private StoredTenant Require(string tenant) => tenants.Find(tenant) ?? throw TenantStore.Unknown(tenant);

    private TenantInfo Info(StoredTenant tenant)
    {
        var (count, bytes) = quotas.Used(tenant.Name);
        return new TenantInfo(tenant.Name, tenant.Description, tenant.Limits, tenant.CreatedAt, count, bytes);
    }

    private static IEnumerable<string> Faults(string? description) =>
        description is { Length: > DescriptionMax } ? [$"description has at most {DescriptionMax} characters"] : [];
}
