// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Contracts.Api;
using Lifeboat.Controller.Access;
using Lifeboat.Controller.Storage;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;

namespace Lifeboat.Controller.Tenancy;

/// <summary>Whose a new group is, and whether what it is made of is theirs.</summary>
internal sealed class GroupOwnership(TenantStore tenants, InstanceTenants instances)
{
    /// <returns>The request with the group's full name.</returns>
    /// <exception cref="ProblemException">InvalidRequest; TenantUnknown; NotAllowed, with all that is not.</exception>
    public CreateGroupRequest Checked(CreateGroupRequest request, Caller caller)
    {
        var name = FullName(request.Name ?? "", caller);
        var tenant = GroupName.TenantOf(name);
        if (GroupName.IsValid(name) && tenants.Find(tenant) is null) throw TenantStore.Unknown(tenant);
        var members = request.Members ?? [];
        // A path of the other site's host is no tenant's to name.
        if (members.Any(m => m.TargetDisks is { Count: > 0 })) caller.Require(Right.Operate);
        // What a volume holds and whose it is nobody can see from outside.
        if (members.Any(m => m.Kind is MemberKind.VolumeOnly)) caller.Require(Right.Operate);
        var of = instances.All();
        // An operator protects what is nobody's for a tenant; nobody protects what is another's.
        bool IsTheirs(string instance) => of.GetValueOrDefault(instance) is { } owner
            ? owner == tenant : caller.IsOfSite;
        var faults = members.Where(m => m.Kind is not MemberKind.VolumeOnly && !IsTheirs(m.Instance))
            .Select(m => $"tenant {tenant} has no instance {m.Instance}").ToList();
        return faults.Count == 0 ? request with { Name = name } : throw new ProblemException(
            ReasonCode.InstanceUnknown, faults[0],
            "An operator gives one with `lifeboat instance give INSTANCE --to TENANT`.", faults);
    }

    // A name that is none is left to whoever says all faults at once.
    public static string FullName(string name, Caller caller)
    {
        if (caller.Tenant is not { } tenant) return name;
        return GroupName.Within(tenant, name) ?? (GroupName.IsValid(name)
            ? throw new ProblemException(ReasonCode.InvalidRequest, $"name is '{name}'; {EntityName.Rule}")
            : GroupName.Of(tenant, name));
    }
}
