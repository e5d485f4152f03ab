// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Controller.Groups;
using Lifeboat.Controller.Sides;
using Lifeboat.Controller.Storage;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;
using Lifeboat.Protection.Policies;

namespace Lifeboat.Controller.Policies;

// A policy that was changed is kept first, with the version up to which its groups have followed behind. Whoever dies
// in between leaves that as it is, and the loop that keeps the desired state goes on with the groups that are left.

/// <summary>Takes changes of named policies over into the groups that follow them and run here.</summary>
internal sealed class PolicyFollowers(PolicyStore store, GroupStore groups, GroupEdits edits, LocalSide here,
    ControllerDatabase database)
{
    // No group can have this name, whose lock is taken meanwhile.
    private const string Lock = "all policies";
    private readonly GroupLocks _alone = new(database);

    /// <summary>One who changes policies, or what follows them, at a time.</summary>
    public Task<IDisposable> EnterAsync(CancellationToken ct) => _alone.EnterAsync(Lock, ct);

    /// <summary>What is left from a controller that died, or waited for an agent.</summary>
    public async Task CatchUpAsync(CancellationToken ct)
    {
        if (store.Behind().Count == 0) return;
        using var alone = _alone.TryEnter(Lock);
        if (alone is null) return;
        foreach (var policy in store.Behind()) await FollowAsync(policy, ct);
    }

    /// <summary>All groups that follow it, wherever they run.</summary>
    public IEnumerable<GroupDefinition> Of(string policy) => groups.All().Where(r => !r.Removed)
        .Select(r => r.Definition).Where(d => d.FullPolicy == policy);

    /// <summary>The group as it follows the policy.</summary>
    public static GroupDefinition Followed(GroupDefinition group, Policy named) =>
        group with { Policy = PolicyFields.Taken(named, group.Policy, group.Follows?.Own ?? []) };

    /// <summary>What would be wrong with the groups that follow it.</summary>
    public IEnumerable<string> Faults(string name, Policy policy) =>
        Of(name).SelectMany(g => Faults(g, policy).Select(p => $"group {g.Name}: {p}"));

    /// <summary>Inside the lock. A group whose agent is away has its definition, and is put to it later.</summary>
    public async Task FollowAsync(StoredPolicy policy, CancellationToken ct)
    {
        var all = true;
        foreach (var group in Of(policy.Name).Where(g => g.PrimarySite == here.Name))
            all &= await TryFollowAsync(group.Name, policy, ct);
        if (all) store.SetFollowed(policy);
    }

    private static IEnumerable<string> Faults(GroupDefinition group, Policy named) =>
        Followed(group, named).Policy.Problems().Except(named.Problems());

    private async Task<bool> TryFollowAsync(string group, StoredPolicy policy, CancellationToken ct)
    {
        using var alone = await edits.EnterAsync(group, ct);
        if (groups.Find(group) is not { Removed: false, Definition: var now } || now.FullPolicy != policy.Name
            || now.PrimarySite != here.Name) return true;
        var next = Followed(now, policy.Policy);
        // One that another site made may be at odds with what is this group's own: it stays as it is.
        var settled = GroupMerging.Contested(now, PolicyFields.Names.Except(now.Follows?.Own ?? [])
            .Select(f => GroupFields.OfPolicy + f));
        if (next.Policy == now.Policy && settled.Count == 0 || Faults(now, policy.Policy).Any()) return true;
        try
        {
            await edits.SaveAsync(now, next, settled, ct);
            return true;
        }
        catch (ProblemException e) when (e.Reason is ReasonCode.AgentUnreachable)
        {
            return false;
        }
    }
}
