// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Contracts.Api;
using Lifeboat.Contracts.Sites;
using Lifeboat.Controller.Peers;
using Lifeboat.Controller.Storage;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;
using Lifeboat.Protection.Plans;

namespace Lifeboat.Controller.Groups;

/// <summary>All that is wrong with a request for a group, said at once.</summary>
internal sealed class GroupFaults(CreateGroupRequest request, string here, PeerDirectory peers, GroupStore groups)
{
    /// <exception cref="ProblemException">With the fault's own reason when there is one only.</exception>
    public void ThrowIfAny(IReadOnlyDictionary<string, SiteInstance> found)
    {
        var faults = Names().Concat(Members(found)).Concat(Rules()).ToList();
        if (faults.Count == 0) return;
        var reasons = faults.Select(f => f.Reason).Distinct().ToList();
        throw new ProblemException(reasons.Count == 1 ? reasons[0] : ReasonCode.InvalidRequest,
            faults.Count == 1 ? faults[0].Text : $"group {request.Name} cannot be created: {faults.Count} faults",
            null, [.. faults.Select(f => f.Text)]);
    }

    private IEnumerable<Fault> Names()
    {
        if (!GroupName.IsValid(request.Name))
            yield return new(ReasonCode.InvalidRequest, $"name is '{request.Name}'; {GroupName.Rule}");
        else if (groups.Find(request.Name) is { Removed: false })
            yield return new(ReasonCode.GroupExists, $"there is a group {request.Name} already");
        if (request.RecoverySite == here)
            yield return new(ReasonCode.InvalidRequest, "recoverySite must be another site than this one");
        else if (!peers.Knows(request.RecoverySite))
            yield return new(ReasonCode.SiteUnknown, $"this site is not paired with a site {request.RecoverySite}");
    }

    private IEnumerable<Fault> Members(IReadOnlyDictionary<string, SiteInstance> found)
    {
        if (request.Members is null or { Count: 0 })
            yield return new(ReasonCode.InvalidRequest, "members is empty; a group has at least one instance");
        var twice = (request.Members ?? []).GroupBy(m => m.Instance).Where(g => g.Count() > 1);
        foreach (var name in twice.Select(g => g.Key))
            yield return new(ReasonCode.InvalidRequest, $"{name} is named twice");
        foreach (var fault in (request.Members ?? []).SelectMany(m => Member(m, found))) yield return fault;
    }

    private IEnumerable<Fault> Member(MemberRequest member, IReadOnlyDictionary<string, SiteInstance> found)
    {
        if (member.Kind is not MemberKind.Replicated)
        {
            yield return new(ReasonCode.InvalidRequest,
                $"{member.Instance}: member kind {member.Kind} is not supported by this version; use replicated");
        }
        if (!found.TryGetValue(member.Instance, out var instance))
        {
            yield return new(ReasonCode.InstanceUnknown, $"site {here} has no instance {member.Instance}");
            yield break;
        }
        if (instance.Power is not (InstancePower.Running or InstancePower.Paused))
        {
            yield return new(ReasonCode.WrongState,
                $"{member.Instance} is {instance.Power}; its disks can be captured only while it runs");
        }
        if (groups.WithMember(member.Instance) is { } other)
            yield return new(ReasonCode.Conflict, other.Tenant == GroupName.TenantOf(request.Name)
                ? $"{member.Instance} is in group {other.Name} already" : $"{member.Instance} is in a group already");
        var known = instance.Disks.Select(d => d.Name).ToHashSet();
        foreach (var name in (member.ExcludedDisks ?? []).Concat(member.TargetDisks?.Keys ?? [])
            .Where(d => !known.Contains(d)))
            yield return new(ReasonCode.VolumeUnknown, $"{member.Instance} has no disk {name}");
        if (!GroupCreation.Replicated(member, instance).Any())
            yield return new(ReasonCode.InvalidRequest, $"{member.Instance}: no disk is left to replicate");
    }

    private IEnumerable<Fault> Rules()
    {
        foreach (var problem in request.Policy?.Problems() ?? [])
            yield return new(ReasonCode.InvalidRequest, problem);
        foreach (var text in request.Checks ?? [])
        {
            var (check, problem) = Check.Parse(text);
            if (problem is not null) yield return new(ReasonCode.InvalidRequest, problem);
            else if (check!.Instance is { } name && request.Members?.All(m => m.Instance != name) == true)
                yield return new(ReasonCode.InvalidRequest, $"check '{text}': {name} is not a member");
        }
    }

    private sealed record Fault(ReasonCode Reason, string Text);
}
