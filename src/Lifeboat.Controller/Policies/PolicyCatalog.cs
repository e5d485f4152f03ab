// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Contracts.Api;
using Lifeboat.Controller.Access;
using Lifeboat.Controller.Api.Requests;
using Lifeboat.Controller.Storage;
using Lifeboat.Controller.Tenancy;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;
using Lifeboat.Protection.Policies;

namespace Lifeboat.Controller.Policies;

/// <summary>Named policies as people make, see and change them.</summary>
internal sealed class PolicyCatalog(PolicyStore store, PolicyFollowers followers, GroupStore groups,
    TenantStore tenants, EditWriter writer, TimeProvider time)
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
        var before = store.Now().GetValueOrDefault(name);
        var made = new StoredPolicy(name, 0, request.Description, policy, time.GetUtcNow());
        made = PolicyMerging.Edited(before, made, PolicyMerging.All, writer);
        if (before is not { Removed: false }) DryRun.EndsHere();
        if (before is { Removed: false } || !store.TrySave(before, made))
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
        faults.AddRange(followers.Faults(name, policy));
        if (faults.Count > 0)
            throw new ProblemException(ReasonCode.InvalidRequest, $"policy {name} would have faults", null, faults);
        var description = change.Description switch { null => now.Description, "" => null, var text => text };
        IReadOnlyList<string> said = [.. change.Policy?.Given() ?? [],
            .. change.Description is null ? (string[])[] : [PolicyMerging.Description]];
        if (policy == now.Policy && description == now.Description && now.Faults.Count == 0
            && !PolicyMerging.Conflicts(now).Any(c => said.Contains(c.Field))) return Info(now);
        return await SaveAsync(now, now with { Policy = policy, Description = description }, said, ct);
    }

    /// <exception cref="ProblemException">
    /// PolicyUnknown; WrongState: nothing is contested; InvalidRequest with all faults; Conflict: groups follow it.
    /// </exception>
    public async Task<NamedPolicy> SettleAsync(string name, SettleRequest request, CancellationToken ct)
    {
        using var alone = await followers.EnterAsync(ct);
        var now = Require(name);
        var conflicts = PolicyMerging.Conflicts(now);
        if (conflicts.Count == 0)
            throw new ProblemException(ReasonCode.WrongState, $"nothing about policy {name} is contested",
                now.Faults.Count == 0 ? "There is nothing to settle."
                    : "What was changed does not go together; change it with `lifeboat policy set`.");
        var (wanted, said) = PolicyMerging.Settled(now, conflicts, request);
        if (wanted.Removed) ThrowIfFollowed(name);
        List<string> faults = wanted.Removed ? [] : [.. Faults(wanted.Description, wanted.Policy),
            .. followers.Faults(name, wanted.Policy)];
        if (faults.Count > 0)
            throw new ProblemException(ReasonCode.InvalidRequest, $"policy {name} would have faults",
                "Settle it field by field, or change it with `lifeboat policy set`.", faults);
        return await SaveAsync(now, wanted, said, ct);
    }

    /// <exception cref="ProblemException">PolicyUnknown; Conflict: groups follow it.</exception>
    public async Task DeleteAsync(string name, CancellationToken ct)
    {
        using var alone = await followers.EnterAsync(ct);
        var now = Require(name);
        ThrowIfFollowed(name);
        await SaveAsync(now, now with { Removed = true }, [], ct);
    }

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

    private void ThrowIfFollowed(string name)
    {
        if (followers.Of(name).Select(g => $"group {g.Name}").ToList() is { Count: > 0 } left)
            throw new ProblemException(ReasonCode.Conflict, $"policy {name} is followed by groups",
                "Let them follow another one, or none, with `lifeboat group policy GROUP --follow`.", left);
    }

    private async Task<NamedPolicy> SaveAsync(StoredPolicy now, StoredPolicy wanted, IEnumerable<string> said,
        CancellationToken ct)
    {
        DryRun.EndsHere();
        var next = PolicyMerging.Edited(now, wanted with { ChangedAt = time.GetUtcNow() }, said, writer);
        if (!store.TrySave(now, next))
            throw new ProblemException(ReasonCode.Conflict,
                $"policy {now.Name} was changed by somebody else meanwhile");
        if (!next.Removed) await followers.FollowAsync(next, ct);
        return Info(next);
    }

    private StoredPolicy Require(string name) => store.Find(name) ?? throw Unknown(name);

    private NamedPolicy Info(StoredPolicy policy) => Info(policy, [.. followers.Of(policy.Name).Select(g => g.Name)]);

    private static NamedPolicy Info(StoredPolicy policy, IReadOnlyList<string> groups) => new(policy.Name,
        policy.Tenant, policy.Description, policy.Version, policy.Policy, policy.ChangedAt, groups)
    {
        Conflicts = PolicyMerging.Conflicts(policy),
        Faults = policy.Faults,
    };
}
