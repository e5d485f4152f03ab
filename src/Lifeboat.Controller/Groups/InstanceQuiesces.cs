// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Contracts.Agents;
using Lifeboat.Contracts.Api;
using Lifeboat.Contracts.Sites;
using Lifeboat.Controller.Sides;
using Lifeboat.Controller.Storage;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;
using Lifeboat.Protection.Policies;

namespace Lifeboat.Controller.Groups;

/// <summary>
/// Brings instances to rest by request. The agent of their host does it and holds them; nothing is kept here, so that a
/// thaw is possible whatever became of the controller that asked.
/// </summary>
internal sealed class InstanceQuiesces(LocalSide here, GroupStore groups, InstanceCatalog instances, SiteAgents agents,
    TimeProvider time)
{
    private static readonly TimeSpan AgentPatience = TimeSpan.FromSeconds(3);

    public async Task<QuiesceInfo> QuiesceAsync(string instance, QuiesceInstanceRequest request, CancellationToken ct)
    {
        var found = await instances.GetAsync(instance, ct);
        var policy = groups.WithMember(instance)?.Policy;
        var rule = RuleOf(policy, instance);
        if (request.Steps is { } steps) rule = rule with { Steps = steps };
        var onFailure = request.OnFailure ?? (policy is null ? null : rule.OnFailure ?? policy.OnQuiesceFailure);
        rule = rule with { OnFailure = onFailure ?? QuiesceFailure.Strict };
        return await agents.Of(found.Host).HoldAsync(new HoldRequest(NewId(), instance,
            [new HoldMember(instance, found.GuestAgentSocket, rule)], request.Limit ?? LimitOf(policy), false), ct);
    }

    public async Task<QuiesceInfo> ThawAsync(string instance, ThawRequest request, CancellationToken ct)
    {
        var found = await instances.GetAsync(instance, ct);
        var rule = RuleOf(groups.WithMember(instance)?.Policy, instance);
        return await agents.Of(found.Host).ReleaseAsync(new ReleaseRequest(request.Id, instance,
            [new HoldMember(instance, found.GuestAgentSocket, rule)]), ct);
    }

    /// <exception cref="ProblemException">WrongSite: its instances run elsewhere; QuiesceFailed.</exception>
    public async Task<QuiesceInfo> QuiesceGroupAsync(string group, QuiesceGroupRequest request, CancellationToken ct)
    {
        var definition = RequireHere(group);
        var (host, members) = await MembersAsync(definition, ct);
        return await agents.Of(host).HoldAsync(new HoldRequest(NewId(), group, members,
            request.Limit ?? definition.Policy.QuiesceLimit, request.AllOrNone ?? false), ct);
    }

    public async Task<QuiesceInfo> ThawGroupAsync(string group, ThawRequest request, CancellationToken ct)
    {
        var (host, members) = await MembersAsync(RequireHere(group), ct);
        return await agents.Of(host).ReleaseAsync(new ReleaseRequest(request.Id, group, members), ct);
    }

    /// <summary>Of all hosts whose agent answers.</summary>
    public async Task<IReadOnlyList<QuiesceInfo>> ListAsync(CancellationToken ct)
    {
        var all = new List<QuiesceInfo>();
        foreach (var host in agents.Hosts)
        {
            try
            {
                all.AddRange(await agents.SoonAsync(host, AgentPatience, agents.Of(host).QuiescesAsync, ct));
            }
            catch (ProblemException e) when (e.Reason is ReasonCode.AgentUnreachable)
            {
                // Whatever it held is the dead man's.
            }
        }
        return [.. all.OrderByDescending(q => q.BeganAt)];
    }

    private async Task<(string Host, IReadOnlyList<HoldMember> Members)> MembersAsync(
        GroupDefinition group, CancellationToken ct)
    {
        var found = new List<SiteInstance>();
        foreach (var member in group.Members) found.Add(await instances.GetAsync(member.Instance, ct));
        var members = found.Select(i => new HoldMember(i.Name, i.GuestAgentSocket, RuleOf(group.Policy, i.Name)));
        return (here.HostOf(group.Name), [.. members]);
    }

    private GroupDefinition RequireHere(string group)
    {
        var definition = here.Require(group);
        return definition.PrimarySite == here.Name ? definition : throw new ProblemException(ReasonCode.WrongSite,
            $"the instances of group {group} run at site {definition.PrimarySite}; this is {here.Name}",
            $"Ask the controller of {definition.PrimarySite}.");
    }

    private static QuiesceRule RuleOf(Policy? policy, string instance)
    {
        var rule = (policy?.Quiesce ?? QuiesceRules.None).Of(instance);
        return rule with { OnFailure = rule.OnFailure ?? policy?.OnQuiesceFailure };
    }

    private static TimeSpan LimitOf(Policy? policy) => (policy ?? Policy.Default).QuiesceLimit;

    private Guid NewId() => Guid.CreateVersion7(time.GetUtcNow());
}
