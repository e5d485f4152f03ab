// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Contracts.Api;
using Lifeboat.Controller.Access;
using Lifeboat.Controller.Storage;
using Lifeboat.Controller.Tenancy;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;
using Lifeboat.Protection.Policies;

namespace Lifeboat.Controller.Policies;

/// <summary>Named policies as people make, see and change them.</summary>
internal sealed class PolicyCatalog(PolicyStore store, PolicyFollowers followers, GroupStore groups,
    TenantStore tenants, TimeProvider time)
{
    private const int DescriptionMax = 200;

    public IReadOnlyList<NamedPolicy> All(Caller caller)
    {
        var following = groups.All().Where(r => !r.Removed && r.Definition.Follows is not null)
            .ToLookup(r => r.Definition.FullPolicy, r => r.Definition.Name);
        return [.. store.All().Where(p => caller.Sees(p.Tenant)).Select(p => Info(p, [.. following[p.Name]]))];
    }

    public NamedPolicy Get(string policy) => Info(Require(policy));

    /// <exception cref="ProblemException">InvalidRequest with all faults; TenantUnknown, Conflict.</exception>
    public async Task<NamedPolicy> CreateAsync(CreatePolicyRequest request, Caller caller, CancellationToken ct)
    {
        var name = GroupOwnership.FullName(request.Name ?? "", caller);
        var policy = request.Policy ?? Policy.Default;
        List<string> faults = [.. Faults(request.Description, policy)];
        if (!GroupName.IsValid(name)) faults.Insert(0, $"name is '{name}'; {EntityName.Rule}");
        if (faults.Count > 0)
            throw new ProblemException(ReasonCode.InvalidRequest, "the policy cannot be made so", null, faults);
        if (tenants.Find(GroupName.TenantOf(name)) is null) throw TenantStore.Unknown(GroupName.TenantOf(name));
        using var alone = await followers.EnterAsync(ct);
        var made = new StoredPolicy(name, 1, request.Description, policy, time.GetUtcNow());
        if (!store.TryAdd(made))
            throw new ProblemException(ReasonCode.Conflict, $"there is a policy {name} already");
        // A group that came from another site may follow one of this name already.
        await followers.FollowAsync(made, ct);
        return Info(made);
    }

    /// <exception cref="ProblemException">PolicyUnknown; InvalidRequest with all faults.</exception>
    public async Task<NamedPolicy> ChangeAsync(string name, NamedPolicyChange change, CancellationToken ct)
    {
        using var alone = await followers.EnterAsync(ct);
        var now = Require(name);
        var (policy, problems) = (change.Policy ?? new PolicyChange()).Applied(now.Policy);
        List<string> faults = [.. problems, .. Faults(change.Description, policy).Except(policy.Problems())];
        if (change.Policy is { Follow: not null } or { Inherit: not null })
            faults.Add("follow and inherit are of groups: a policy follows none");
        faults.AddRange(GroupFaults(name, policy));
        if (faults.Count > 0)
            throw new ProblemException(ReasonCode.InvalidRequest, $"policy {name} would have faults", null, faults);
        var description = change.Description switch { null => now.Description, "" => null, var text => text };
        if (policy == now.Policy && description == now.Description) return Info(now);
        var next = now with
        {
            Version = now.Version + 1, Policy = policy, Description = description, ChangedAt = time.GetUtcNow(),
        };
        if (!store.TryReplace(next))
            throw new ProblemException(ReasonCode.Conflict, $"policy {name} was changed by somebody else meanwhile");
        await followers.FollowAsync(next, ct);
        return Info(next);
    }

    /// <exception cref="ProblemException">PolicyUnknown; Conflict: groups follow it.</exception>
    public async Task DeleteAsync(string name, CancellationToken ct)
    {
        using var alone = await followers.EnterAsync(ct);
        Require(name);
        if (followers.Of(name).Select(g => $"group {g.Name}").ToList() is { Count: > 0 } left)
            throw new ProblemException(ReasonCode.Conflict, $"policy {name} is followed by groups",
                "Let them follow another one, or none, with `lifeboat group policy GROUP --follow`.", left);
        store.Remove(name);
    }

    /// <summary>What would be wrong with the groups that follow it.</summary>
    public IEnumerable<string> GroupFaults(string name, Policy policy) => followers.Of(name).SelectMany(g =>
        PolicyFollowers.Followed(g, policy).Policy.Problems().Except(policy.Problems())
            .Select(p => $"group {g.Name}: {p}"));

    public static IEnumerable<string> Faults(string? description, Policy policy)
    {
        if (description is { Length: > DescriptionMax })
            yield return $"description has at most {DescriptionMax} characters";
        if (!policy.Quiesce.Equals(QuiesceRules.None))
            yield return "policy.quiesce: its rules name instances, so they are in groups and not in a named policy";
        foreach (var problem in policy.Problems()) yield return problem;
    }

    public static ProblemException Unknown(string name) =>
        new(ReasonCode.PolicyUnknown, $"there is no policy {name}", "`lifeboat policy list` shows them.");

    private StoredPolicy Require(string name) => store.Find(name) ?? throw Unknown(name);

    private NamedPolicy Info(StoredPolicy policy) => Info(policy, [.. followers.Of(policy.Name).Select(g => g.Name)]);

    private static NamedPolicy Info(StoredPolicy policy, IReadOnlyList<string> groups) => new(policy.Name,
        policy.Tenant, policy.Description, policy.Version, policy.Policy, policy.ChangedAt, groups);
}
