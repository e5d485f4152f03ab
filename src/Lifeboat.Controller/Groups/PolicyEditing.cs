// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Contracts.Api;
using Lifeboat.Controller.Policies;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;
using Lifeboat.Protection.Policies;
using Lifeboat.Quiescing;

namespace Lifeboat.Controller.Groups;

/// <summary>Changes a group's policy as it runs, and which named policy it follows.</summary>
internal sealed class PolicyEditing(GroupEdits edits, PolicyStore policies)
{
    /// <exception cref="ProblemException">WrongSite, or InvalidRequest with all faults.</exception>
    public async Task<GroupDefinition> ChangeAsync(string group, PolicyChange change, CancellationToken ct)
    {
        var now = edits.Own(group, "policy");
        var faults = new List<string>();
        var (start, follows) = Following(now, change, faults);
        var (policy, problems) = change.Applied(start);
        if (policy.Source != now.Policy.Source && (policy.IsMovedByCloud || now.MovedByCloud))
            faults.Add("policy.source: what moves a group does not change; backups and a pool's mirror move groups of "
                + "volumes only");
        faults.AddRange([.. problems, .. QuiesceProblems(now, policy)]);
        if (faults.Count > 0)
            throw new ProblemException(ReasonCode.InvalidRequest, $"the policy of group {group} would have faults",
                null, faults);
        // What is changed in a group that follows is its own from then on.
        var own = PolicyFields.Differing(start, policy);
        if (follows is not null) follows = follows with { Own = [.. follows.Own.Union(own)] };
        IReadOnlyList<string> said = [.. GroupFields.SaidBy(change, follows)];
        if (policy == now.Policy && IsSame(follows, now.Follows) && GroupMerging.Contested(now, said).Count == 0
            && GroupMerging.Faults(now).Count == 0) return now;
        return await edits.SaveAsync(now, now with { Policy = policy, Follows = follows }, said, ct);
    }

    public static bool IsSame(PolicyFollowing? one, PolicyFollowing? other) => one?.Policy == other?.Policy
        && (one?.Own ?? []).ToHashSet(StringComparer.Ordinal).SetEquals(other?.Own ?? []);

    // What the group follows, and its policy as that is before anything else of the change.
    private (Policy, PolicyFollowing?) Following(GroupDefinition now, PolicyChange change, List<string> faults)
    {
        var follows = change.Follow switch
        {
            null => now.Follows,
            "" => null,
            var name => now.Follows?.Policy == name ? now.Follows : new PolicyFollowing(name, []),
        };
        var inherit = change.Inherit ?? [];
        faults.AddRange(inherit.Except(PolicyFields.Names).Select(f => $"inherit: a policy has no field '{f}'"));
        if (follows is null)
        {
            if (inherit.Count > 0) faults.Add("inherit: the group follows no named policy");
            return (now.Policy, null);
        }
        if (change.Follow is null && inherit.Count == 0) return (now.Policy, follows);
        follows = follows with { Own = [.. follows.Own.Except(inherit)] };
        if (policies.Find(GroupName.Of(now.Tenant, follows.Policy)) is { } named)
            return (PolicyFields.Taken(named.Policy, now.Policy, follows.Own), follows);
        faults.Add($"tenant {now.Tenant} has no policy '{follows.Policy}' at this site");
        return (now.Policy, follows);
    }

    // Servers that have the volumes of a volume-only group come and go.
    private static IEnumerable<string> QuiesceProblems(GroupDefinition group, Policy policy) => QuiesceProblems(
        group.MovedByCloud ? [.. policy.Quiesce.All.Select(r => r.Instance)]
            : [.. group.Members.Select(m => m.Instance)], policy);

    // What the agent would refuse is told here, with everything else.
    public static IEnumerable<string> QuiesceProblems(IReadOnlyCollection<string> members, Policy policy)
    {
        foreach (var rule in policy.Quiesce.All.Where(r => !members.Contains(r.Instance)))
            yield return $"policy.quiesce: {rule.Instance} is not in the group";
        foreach (var problem in QuiesceProviders.Shipped().Problems(policy.Quiesce.All))
            yield return $"policy.quiesce: {problem}";
    }
}
