// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Contracts.Api;
using Lifeboat.Contracts.Peers;
using Lifeboat.Contracts.Sites;
using Lifeboat.Controller.Names;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;
using Lifeboat.Protection.Policies;

namespace Lifeboat.Controller.Groups;

/// <param name="Place">In the request, e.g. `members/0/instance`; empty: the whole of it.</param>
internal sealed record GroupFault(ReasonCode Reason, string Place, string Text);

/// <summary>All that is wrong with a request for a group, said at once.</summary>
/// <param name="knownSite">Whether this site is paired with one.</param>
/// <param name="group">The group of that full name, unless it was deleted.</param>
/// <param name="groupOf">The group that an instance is in.</param>
/// <param name="named">The named policy of that full name.</param>
/// <param name="all">Every group that this site knows.</param>
/// <param name="volumes">Of the site, where the group is one of volumes only; null: it is one of instances.</param>
/// <param name="unmirrored">Why some of them cannot be mirrored, by id, where that is asked for.</param>
internal sealed class GroupFaults(CreateGroupRequest request, string here, Func<string, bool> knownSite,
    Func<string, GroupDefinition?> group, Func<string, GroupDefinition?> groupOf, Func<string, Policy?> named,
    Func<IEnumerable<GroupRecord>> all, IReadOnlyList<SiteVolume>? volumes = null,
    IReadOnlyDictionary<string, string>? unmirrored = null)
{
    /// <exception cref="ProblemException">With the fault's own reason when there is one only.</exception>
    public void ThrowIfAny(IReadOnlyDictionary<string, SiteInstance> found)
    {
        var faults = All(found).ToList();
        if (faults.Count == 0) return;
        var reasons = faults.Select(f => f.Reason).Distinct().ToList();
        throw new ProblemException(reasons.Count == 1 ? reasons[0] : ReasonCode.InvalidRequest,
            faults.Count == 1 ? faults[0].Text : $"group {request.Name} cannot be created: {faults.Count} faults",
            null, [.. faults.Select(f => f.Text)])
        {
            Faults = [.. faults.Select(f => new ProblemFault(f.Text, f.Place.Length == 0 ? "#" : "#/" + f.Place))],
        };
    }

    /// <param name="found">The instances that there are, of those that are named.</param>
    public IEnumerable<GroupFault> All(IReadOnlyDictionary<string, SiteInstance> found) =>
        Names().Concat(volumes is null ? Members(found) : VolumeMembers.Faults(request, volumes,
            all().Where(r => !r.Removed).Select(r => r.Definition), unmirrored)).Concat(Rules());

    private IEnumerable<GroupFault> Names()
    {
        if (!GroupName.IsValid(request.Name))
            yield return Wrong("name", $"name is '{request.Name}'; {GroupName.Rule}");
        else if (group(request.Name) is not null)
            yield return new(ReasonCode.GroupExists, "name", $"there is a group {request.Name} already");
        if (request.RecoverySite == here)
            yield return Wrong("recoverySite", "recoverySite must be another site than this one");
        else if (!knownSite(request.RecoverySite))
            yield return new(ReasonCode.SiteUnknown, "recoverySite",
                $"this site is not paired with a site {request.RecoverySite}");
        if (request.Application is { } application && !EntityName.IsValid(application))
            yield return Wrong("application", $"application is '{application}'; {EntityName.Rule}");
    }

    private IEnumerable<GroupFault> Members(IReadOnlyDictionary<string, SiteInstance> found)
    {
        if (request.Members is null or { Count: 0 })
            yield return Wrong("members", "members is empty; a group has at least one instance");
        var twice = (request.Members ?? []).Index().GroupBy(m => m.Item.Instance).Where(g => g.Count() > 1);
        foreach (var named in twice)
            yield return Wrong($"members/{named.Last().Index}", $"{named.Key} is named twice");
        foreach (var fault in (request.Members ?? []).Index()
            .SelectMany(m => Member(m.Item, $"members/{m.Index}", found))) yield return fault;
    }

    private IEnumerable<GroupFault> Member(MemberRequest member, string place,
        IReadOnlyDictionary<string, SiteInstance> found)
    {
        if (member.Kind is not MemberKind.Replicated)
        {
            yield return Wrong(place + "/kind", $"{member.Instance}: member kind {member.Kind} is not supported by "
                + "this version; use replicated, or volume-only for all");
        }
        if (!found.TryGetValue(member.Instance, out var instance))
        {
            yield return new(ReasonCode.InstanceUnknown, place + "/instance",
                $"site {here} has no instance {member.Instance}");
            yield break;
        }
        if (instance.Power is not (InstancePower.Running or InstancePower.Paused))
        {
            yield return new(ReasonCode.WrongState, place + "/instance",
                $"{member.Instance} is {instance.Power}; its disks can be captured only while it runs");
        }
        if (groupOf(member.Instance) is { } other)
            yield return new(ReasonCode.Conflict, place + "/instance",
                other.Tenant == GroupName.TenantOf(request.Name)
                ? $"{member.Instance} is in group {other.Name} already" : $"{member.Instance} is in a group already");
        var known = instance.Disks.Select(d => d.Name).ToHashSet();
        foreach (var (index, name) in (member.ExcludedDisks ?? []).Index().Where(d => !known.Contains(d.Item)))
            yield return new(ReasonCode.VolumeUnknown, $"{place}/excludedDisks/{index}",
                $"{member.Instance} has no disk {name}");
        foreach (var name in (member.TargetDisks?.Keys ?? []).Where(d => !known.Contains(d)))
            yield return new(ReasonCode.VolumeUnknown, $"{place}/targetDisks/{name}",
                $"{member.Instance} has no disk {name}");
        if (!GroupCreation.Replicated(member, instance).Any())
            yield return Wrong(place + "/excludedDisks", $"{member.Instance}: no disk is left to replicate");
    }

    private IEnumerable<GroupFault> Rules()
    {
        if (volumes is null && request.Policy?.IsMovedByCloud is true)
            yield return Wrong("policy", "policy.source: backups and a pool's mirror move groups of volumes only, not "
                + "of instances");
        foreach (var problem in request.Policy?.Problems() ?? []) yield return Wrong("policy", problem);
        foreach (var field in (request.Overrides ?? []).Except(PolicyFields.Names))
            yield return Wrong("overrides", $"overrides: a policy has no field '{field}'");
        if (request.PolicyName is { } policy)
        {
            if (named(GroupName.Of(GroupName.TenantOf(request.Name), policy)) is not { } followed)
                yield return new(ReasonCode.PolicyUnknown, "policyName",
                    $"tenant {GroupName.TenantOf(request.Name)} has no policy '{policy}' at this site");
            else
                foreach (var problem in PolicyFields.Taken(followed, request.Policy ?? followed,
                    request.Overrides ?? []).Problems().Except(request.Policy?.Problems() ?? []))
                    yield return Wrong("policyName", $"with policy {policy}: {problem}");
        }
        else if (request.Overrides is { Count: > 0 })
        {
            yield return Wrong("overrides", "overrides: the group follows no named policy (policyName)");
        }
        if (volumes is not null) yield break;
        List<string> members = [.. (request.Members ?? []).Select(m => m.Instance)];
        foreach (var (place, text) in PlanEditing.Faults(
            (request.Members ?? []).DistinctBy(m => m.Instance).ToDictionary(m => m.Instance, m => m.BootOrder),
            request.Checks ?? [], members))
            yield return Wrong(place, text);
        if (request.Dns?.Normal() is not { } dns) yield break;
        foreach (var (place, text) in dns.Faults(members, [here, request.RecoverySite])
            .Concat(TakenNames.Of(dns.Names.Select(n => n.Name), request.Name, all()).Select(t => ("dns", t.Text))))
            yield return Wrong(place, text);
    }

    private static GroupFault Wrong(string place, string text) => new(ReasonCode.InvalidRequest, place, text);
}
