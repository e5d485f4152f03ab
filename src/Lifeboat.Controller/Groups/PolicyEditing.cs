// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Contracts.Api;
using Lifeboat.Controller.Peers;
using Lifeboat.Controller.Sides;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;
using Lifeboat.Protection.Policies;
using Lifeboat.Quiescing;

namespace Lifeboat.Controller.Groups;

/// <summary>
/// Changes a group's policy as it runs. Asked where the group's instances run: two sites that both edited the same
/// version while apart would each keep its own.
/// </summary>
internal sealed class PolicyEditing(LocalSide here, PeerDirectory peers)
{
    /// <exception cref="ProblemException">WrongSite, or InvalidRequest with all faults.</exception>
    public async Task<GroupDefinition> ChangeAsync(string group, PolicyChange change, CancellationToken ct)
    {
        var now = here.Require(group);
        if (now.PrimarySite != here.Name)
        {
            throw new ProblemException(ReasonCode.WrongSite,
                $"the policy of group {group} is edited at site {now.PrimarySite}, where it runs; this is {here.Name}",
                $"Ask the controller of {now.PrimarySite}.");
        }
        var (policy, problems) = change.Applied(now.Policy);
        problems = [.. problems, .. QuiesceProblems(now, policy)];
        if (problems.Count > 0)
            throw new ProblemException(ReasonCode.InvalidRequest, $"the policy of group {group} would have faults",
                null, problems);
        if (policy == now.Policy) return now;
        var next = now with { Version = now.Version + 1, Policy = policy };
        await here.SetGroupAsync(next, ct);
        try
        {
            await peers.Side(now.RecoverySite).SetGroupAsync(next, ct);
        }
        catch (ProblemException e) when (e.Reason is ReasonCode.PeerUnreachable or ReasonCode.AgentUnreachable
            or ReasonCode.SiteUnknown)
        {
            // It is kept here: the exchange between the sites carries it over when the other one answers.
        }
        return next;
    }

    // What the agent would refuse is told here, with everything else.
    private static IEnumerable<string> QuiesceProblems(GroupDefinition group, Policy policy)
    {
        foreach (var rule in policy.Quiesce.All.Where(r => group.Members.All(m => m.Instance != r.Instance)))
            yield return $"policy.quiesce: {rule.Instance} is not in the group";
        foreach (var problem in QuiesceProviders.Shipped().Problems(policy.Quiesce.All))
            yield return $"policy.quiesce: {problem}";
    }
}
