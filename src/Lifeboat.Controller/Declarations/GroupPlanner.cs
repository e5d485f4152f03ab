// SPDX-License-Identifier: Apache-2.0
using System.Globalization;
using Lifeboat.Contracts.Api;
using Lifeboat.Contracts.Sites;
using Lifeboat.Controller.Groups;
using Lifeboat.Controller.Peers;
using Lifeboat.Controller.Policies;
using Lifeboat.Controller.Storage;
using Lifeboat.Controller.Tenancy;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;
using Lifeboat.Protection.Policies;

namespace Lifeboat.Controller.Declarations;

/// <summary>What is to be changed about groups and their plans, in one version of the definition each.</summary>
internal sealed class GroupPlanner(GroupStore groups, PolicyStore policies, PeerDirectory peers,
    InstanceCatalog instances, InstanceTenants owners, TenantStore tenants, GroupCreation creation,
    GroupEdits edits, GroupRemoval removal)
{
    public async Task PlanAsync(DeclarationWork work, CancellationToken ct)
    {
        var declared = work.Of<DeclaredGroup>().DistinctBy(g => g.FullName).ToDictionary(g => g.FullName);
        var plans = work.Of<DeclaredPlan>().DistinctBy(p => p.FullName).ToDictionary(p => p.FullName);
        if (declared.Count + plans.Count == 0) return;
        var there = groups.All().Where(r => !r.Removed).Select(r => r.Definition).ToDictionary(d => d.Name);
        Prune(work, there, declared.Keys);
        var site = declared.Keys.All(there.ContainsKey) ? [] : await instances.ListAsync(ct);
        var making = new Making(work, there, site.ToDictionary(i => i.Name), owners.All(),
            policies.All().ToDictionary(p => p.Name, p => p.Policy));
        foreach (var name in declared.Keys.Union(plans.Keys, StringComparer.Ordinal))
        {
            var (group, plan) = (declared.GetValueOrDefault(name), plans.GetValueOrDefault(name));
            if (there.TryGetValue(name, out var now))
            {
                if (now.MovedByCloud)
                    (group?.Fields ?? plan!.Fields).Fault("", $"group {name} is of volumes only, and not declared in "
                        + "files", ReasonCode.WrongState);
                else if (edits.IsOwn(now)) Edit(making, now, group, plan);
                else work.Notes.Add($"group {name} runs at site {now.PrimarySite}: apply there what is about it");
            }
            else if (group is not null) Create(making, group, plan);
            else if (!work.Faults.Unread.Contains(plan!.Name))
                plan.Fields.Fault("group", $"there is no group '{plan.Name}' of tenant {plan.Tenant}",
                    ReasonCode.GroupUnknown);
        }
        foreach (var (tenant, more) in making.More) Quotas(work, tenant, more, there.Values);
    }

    // With the limits as they will be. The group that is too many has the fault.
    private void Quotas(DeclarationWork work, string tenant, List<(DeclaredGroup Group, long Bytes)> more,
        IEnumerable<GroupDefinition> there)
    {
        // Who may not change them has a fault already, and is told of those that there are.
        var limits = work.Of<DeclaredTenant>().FirstOrDefault(t => t.Name == tenant && work.Caller.IsOfSite)?.Limits
            ?? tenants.Find(tenant)?.Limits ?? TenantLimits.None;
        var left = there.Where(g => g.Tenant == tenant && !work.GoneGroups.Contains(g.Name)).ToList();
        var used = (Groups: left.Count, Bytes: left.Sum(g => g.Volumes.Sum(v => v.SizeBytes)));
        foreach (var (group, bytes) in more)
        {
            foreach (var fault in TenantQuotas.Exceeded(limits, used, (1, bytes)))
                group.Fields.Fault("", $"tenant {tenant} may not have more: {fault}", ReasonCode.QuotaExceeded);
            used = (used.Groups + 1, used.Bytes + bytes);
        }
    }

    private void Prune(DeclarationWork work, Dictionary<string, GroupDefinition> there, ICollection<string> declared)
    {
        foreach (var group in there.Values.Where(g => work.Caller.Sees(g.Tenant) && work.Prunes("Group", g.Tenant)
            && !g.MovedByCloud && g.PrimarySite == work.Site && !declared.Contains(g.Name)).ToList())
        {
            if (!work.MayDeleteGroups)
                work.FaultOfFiles($"group {group.Name} is not in the files; to delete it with its replica and all its "
                    + "points has to be allowed besides (--delete-groups)", ReasonCode.NotAllowed);
            work.RequireToPrune("Group", group.Name, Right.Commit);
            work.GoneGroups.Add(group.Name);
            work.Removals.Add(DeclarationWork.Removal("Group", group.Tenant, GroupKind.ShortName(group.Name),
                $"/v1/groups/{group.Name}", ct => RemoveAsync(group.Name, ct)));
        }
    }

    private void Create(Making making, DeclaredGroup group, DeclaredPlan? plan)
    {
        var work = making.Work;
        if (group.RecoverySite == work.Site)
        {
            work.Notes.Add($"group {group.FullName} is recovered here: it is made where its instances run");
            return;
        }
        work.Require(group, Right.Change);
        if (group.Members.Any(m => m.TargetDisks is not null)) work.Require(group, Right.Operate);
        var request = Request(making, group, plan);
        var foreign = Foreign(making, group).ToHashSet();
        var faults = new GroupFaults(request, work.Site,
            s => s.Length == 0 || peers.Knows(s) || work.Declares("Peer", null, s) || work.Faults.Unread.Contains(s),
            making.Group, making.GroupOf, making.Named, groups.All);
        foreach (var fault in faults.All(making.Instances))
            if (fault.Place != "members" && !IsUnread(work, group, fault)
                && !foreign.Any(i => fault.Place.StartsWith($"members/{i}/", StringComparison.Ordinal)))
                Say(group, plan, fault);
        Problems(group, [.. group.Members.Select(m => m.Instance)], request.Policy!);
        making.Add(group, request);
        work.Change(group, ChangeAction.Create, FieldChanges.Between([], [.. Fixed(group), .. Shown(making, group)]),
            $"/v1/groups/{group.FullName}", ct => creation.CreateAsync(request, ct));
        if (plan is not null)
            work.Change(plan, ChangeAction.Create, FieldChanges.Between([], Shown(request.Members.Select(m =>
                (m.Instance, m.BootOrder)), plan.Checks, plan.Dns)), $"/v1/groups/{group.FullName}/plan",
                _ => Task.CompletedTask);
    }

    private static bool IsUnread(DeclarationWork work, DeclaredGroup group, GroupFault fault) =>
        fault.Reason is ReasonCode.PolicyUnknown && work.Faults.Unread.Contains(group.PolicyName!);

    private static CreateGroupRequest Request(Making making, DeclaredGroup group, DeclaredPlan? plan) => new()
    {
        Name = group.FullName,
        RecoverySite = group.RecoverySite,
        Members = [.. group.Members.Select(m => m with
        {
            BootOrder = plan?.BootOrder.GetValueOrDefault(m.Instance) ?? 0,
        })],
        Application = group.Application,
        Policy = making.Policy(group),
        PolicyName = group.PolicyName,
        Overrides = group.PolicyName is null ? [] : [.. group.Overrides.Keys],
        Checks = plan?.Checks ?? [],
        Dns = plan?.Dns.OrNone(),
    };

    // An operator protects what is nobody's for a tenant; nobody protects what is another's, nor learns of it.
    private static IEnumerable<int> Foreign(Making making, DeclaredGroup group)
    {
        foreach (var (index, member) in group.Members.Index())
        {
            var owner = making.OwnerOf(member.Instance);
            if (owner is null ? making.Work.Caller.IsOfSite : owner == group.Tenant) continue;
            group.Fields.Fault($"members/{index}/instance",
                $"tenant {group.Tenant} has no instance {member.Instance}", ReasonCode.InstanceUnknown);
            yield return index;
        }
    }

    private void Edit(Making making, GroupDefinition now, DeclaredGroup? group, DeclaredPlan? plan)
    {
        var work = making.Work;
        var next = now;
        var groupFields = group is null ? [] : FieldChanges.Between(Shown(now), Shown(making, group));
        if (group is not null)
        {
            Immutable(group, now);
            var policy = making.Policy(group);
            if (group.PolicyName is not null && !work.Faults.Unread.Contains(group.PolicyName)
                && making.Named(GroupName.Of(now.Tenant, group.PolicyName)) is null)
                group.Fields.Fault("policy", $"tenant {now.Tenant} has no policy '{group.PolicyName}' at this site",
                    ReasonCode.PolicyUnknown);
            foreach (var problem in policy.Problems()) Say(group, problem);
            Problems(group, [.. now.Members.Select(m => m.Instance)], policy);
            groupFields = [.. groupFields, .. making.Drift(now, group, policy)];
            next = next with
            {
                Application = group.Application, Policy = policy, Follows = group.PolicyName is null ? null
                    : new PolicyFollowing(group.PolicyName, [.. group.Overrides.Keys]),
            };
        }
        IReadOnlyList<FieldChange> planFields = [];
        if (plan is not null)
        {
            var members = now.Members.ToDictionary(m => m.Instance, _ => 0);
            foreach (var (place, text) in PlanEditing.Faults(plan.BootOrder, plan.Checks, members.Keys)
                .Concat(PlanEditing.Faults(now, plan.Dns, groups.All())))
                plan.Fields.Fault(place, text);
            next = PlanEditing.With(next, members.ToDictionary(m => m.Key,
                m => plan.BootOrder.GetValueOrDefault(m.Key)), plan.Checks, plan.Dns);
            planFields = FieldChanges.Between(Shown(now.Members.Select(m => (m.Instance, m.BootOrder)), now.Checks,
                now.Dns), Shown(next.Members.Select(m => (m.Instance, m.BootOrder)), next.Checks, next.Dns));
        }
        // A document says all that it is about, so it settles what is contested of that.
        var settled = Settled(now, next).ToLookup(c => IsOfPlan(c.Field));
        if (group is not null) groupFields = [.. groupFields, .. settled[false]];
        if (plan is not null) planFields = [.. planFields, .. settled[true]];
        IReadOnlyList<string> said = [.. groupFields.Concat(planFields).Select(f => f.Field)];
        Note(work, group, groupFields, $"/v1/groups/{now.Name}", ct => SaveAsync(now, next, said, ct));
        // One version for both: whichever is first makes it.
        Note(work, plan, planFields, $"/v1/groups/{now.Name}/plan",
            groupFields.Count > 0 ? _ => Task.CompletedTask : ct => SaveAsync(now, next, said, ct));
    }

    private static IEnumerable<FieldChange> Settled(GroupDefinition now, GroupDefinition next) =>
        from conflict in GroupMerging.Conflicts(now)
        let wanted = GroupFields.Of(next, conflict.Field)
        where wanted is not null
        select new FieldChange(conflict.Field, "contested: "
            + string.Join(", ", conflict.Values.Select(v => $"{v.Value} of {v.Site}")),
            GroupFields.Shown(conflict.Field, wanted));

    private static bool IsOfPlan(string field) => field is GroupFields.Checks or GroupFields.Dns or GroupFields.DnsTtl
        || field.StartsWith(GroupFields.OfBoot, StringComparison.Ordinal);

    private static void Note(DeclarationWork work, Declaration? declared, IReadOnlyList<FieldChange> fields,
        string subject, Func<CancellationToken, Task> save)
    {
        if (declared is null) return;
        if (fields.Count == 0)
        {
            work.Unchanged++;
            return;
        }
        work.Require(declared, Right.Change);
        work.Change(declared, ChangeAction.Change, fields, subject, save);
    }

    private async Task SaveAsync(GroupDefinition planned, GroupDefinition next, IReadOnlyList<string> said,
        CancellationToken ct)
    {
        using var alone = await edits.EnterAsync(planned.Name, ct);
        var now = edits.Own(planned.Name, "definition");
        if (now.Version != planned.Version || now.Epoch != planned.Epoch || GroupMerging.HasNews(now, planned))
            throw SiteText.Changed($"group {planned.Name}");
        await edits.SaveAsync(planned, next, said, ct);
    }

    private async Task RemoveAsync(string group, CancellationToken ct)
    {
        using var alone = await edits.EnterAsync(group, ct);
        await removal.RemoveAsync(group, ct);
    }

    // What a group that is there cannot be made otherwise.
    private static void Immutable(DeclaredGroup group, GroupDefinition now)
    {
        if (group.RecoverySite.Length > 0 && group.RecoverySite != now.RecoverySite
            && group.RecoverySite != now.PrimarySite)
            group.Fields.Fault("recoverySite", $"group {now.Name} is between {now.PrimarySite} and {now.RecoverySite}; "
                + "to take it to another site, delete it and make it anew", ReasonCode.Conflict);
        foreach (var (index, member) in group.Members.Index())
        {
            var place = $"members/{index}";
            if (now.Members.FirstOrDefault(m => m.Instance == member.Instance) is not { } there)
            {
                group.Fields.Fault(place, $"{member.Instance} is not in group {now.Name}, and its members cannot be "
                    + "changed: delete it and make it anew", ReasonCode.Conflict);
                continue;
            }
            foreach (var disk in (member.ExcludedDisks ?? []).Where(d => there.Volumes.Any(v => v.Disk == d)))
                group.Fields.Fault($"{place}/excludedDisks", $"disk {disk} of {member.Instance} is protected; it "
                    + "cannot be taken out of a group that is there", ReasonCode.Conflict);
            foreach (var disk in GroupKind.Excluded(there).Except(member.ExcludedDisks ?? []))
                group.Fields.Fault(place, $"disk {disk} of {member.Instance} is not protected: exclude it, or protect "
                    + $"it with `lifeboat volume protect {now.Name} {member.Instance}.{disk}`", ReasonCode.Conflict);
            var targets = GroupKind.Targets(now, member.Instance, group.RecoverySite);
            if (!targets.OrderBy(t => t.Key).SequenceEqual((member.TargetDisks ?? new Dictionary<string, string>())
                .OrderBy(t => t.Key)))
                group.Fields.Fault($"{place}/targetDisks", $"where the replica of {member.Instance} is kept cannot be "
                    + "changed", ReasonCode.Conflict);
        }
        foreach (var member in now.Members.Where(m => group.Members.All(d => d.Instance != m.Instance)))
            group.Fields.Fault("members", $"{member.Instance} is in group {now.Name}, and its members cannot be "
                + "changed: delete it and make it anew", ReasonCode.Conflict);
    }

    private static void Problems(DeclaredGroup group, IReadOnlyCollection<string> members, Policy policy)
    {
        foreach (var problem in PolicyEditing.QuiesceProblems(members, policy)) Say(group, problem);
    }

    private static void Say(DeclaredGroup group, string problem)
    {
        var place = PolicyKind.PlaceOf(problem);
        group.Fields.Fault(place == PolicyFields.Quiesce ? place : $"overrides/{place}", problem);
    }

    private static void Say(DeclaredGroup group, DeclaredPlan? plan, GroupFault fault)
    {
        if (fault.Place == "policy") Say(group, fault.Text);
        else if (plan is not null && fault.Place.Split('/')[0] is "bootOrder" or "checks" or "dns" or "dnsTtl")
            plan!.Fields.Fault(fault.Place, fault.Text, fault.Reason);
        else group.Fields.Fault(fault.Place == "policyName" ? "policy" : fault.Place, fault.Text, fault.Reason);
    }

    private static IEnumerable<(string, string?)> Fixed(DeclaredGroup group) =>
    [
        ("recoverySite", group.RecoverySite),
        .. group.Members.Index().Select(m => ($"members/{m.Index}", (string?)(m.Item.Instance
            + (m.Item.ExcludedDisks is { } disks ? $" without {string.Join(", ", disks)}" : "")))),
    ];

    private static IEnumerable<(string, string?)> Shown(Making making, DeclaredGroup group) => Shown(group.Application,
        making.Policy(group), group.PolicyName is null ? null
            : new PolicyFollowing(group.PolicyName, [.. group.Overrides.Keys]));

    private static IEnumerable<(string, string?)> Shown(GroupDefinition group) =>
        Shown(group.Application, group.Policy, group.Follows);

    private static IEnumerable<(string, string?)> Shown(string? application, Policy policy, PolicyFollowing? follows) =>
    [
        ("application", application), ("policy", follows?.Policy),
        .. GroupKind.Overrides(policy, follows).Select(o =>
            ($"overrides/{o.Key}", (string?)PolicyText.Text(o.Key, o.Value))),
        .. policy.Quiesce.All.Select(r => ($"quiesce/{r.Instance}", (string?)Text(r))),
    ];

    private static string Text(QuiesceRule rule)
    {
        var steps = rule.Steps.Select(s => s.Provider
            + (s.Limit is { } limit ? $" within {Span.Text(limit)}" : "")
            + string.Concat(s.Settings.OrderBy(x => x.Key, StringComparer.Ordinal)
                .Select(x => $", {x.Key}={x.Value}")));
        return $"{(rule.Steps.Count == 0 ? "not waited for" : string.Join("; ", steps))} (order {rule.Order}, "
            + $"retries {rule.Retries}{(rule.OnFailure is { } failure ? $", {FieldReader.Kebab(failure)}" : "")})";
    }

    private static IEnumerable<(string, string?)> Shown(IEnumerable<(string Instance, int Place)> order,
        IEnumerable<string> checks, GroupDns? dns) =>
    [
        .. order.Select(o => ($"bootOrder/{o.Instance}",
            o.Place == 0 ? null : o.Place.ToString(CultureInfo.InvariantCulture))),
        ("checks", FieldChanges.List(checks)),
        ("dns", dns is not { Names.Count: > 0 } ? null : string.Join("; ", dns.Names.Select(n => n.Text()))),
        ("dnsTtl", dns is null || dns.Ttl == GroupDns.UsualTtl ? null : Span.Text(dns.Ttl)),
    ];

    /// <summary>What is there, and what is added while documents are looked at.</summary>
    private sealed class Making(DeclarationWork work, IReadOnlyDictionary<string, GroupDefinition> there,
        IReadOnlyDictionary<string, SiteInstance> instances, IReadOnlyDictionary<string, string> owners,
        IReadOnlyDictionary<string, Policy> named)
    {
        private readonly Dictionary<string, string?> _given = work.Of<DeclaredInstance>().DistinctBy(i => i.Name)
            .ToDictionary(i => i.Name, i => i.Tenant, StringComparer.Ordinal);
        private readonly Dictionary<string, DeclaredGroup> _taken = new(StringComparer.Ordinal);
        private readonly Dictionary<string, GroupDefinition> _groupOf = there.Values
            .Where(g => !g.MovedByCloud && !work.GoneGroups.Contains(g.Name))
            .SelectMany(g => g.Members.Select(m => (m.Instance, g)))
            .DistinctBy(m => m.Instance).ToDictionary(m => m.Instance, m => m.g, StringComparer.Ordinal);

        public DeclarationWork Work => work;
        public IReadOnlyDictionary<string, SiteInstance> Instances => instances;

        /// <summary>By tenant: groups that are added, with the bytes of each.</summary>
        public Dictionary<string, List<(DeclaredGroup Group, long Bytes)>> More { get; } = [];

        public GroupDefinition? Group(string full) => there.GetValueOrDefault(full);
        public GroupDefinition? GroupOf(string instance) => _groupOf.GetValueOrDefault(instance);
        public Policy? Named(string full) => work.DeclaredPolicies.GetValueOrDefault(full)
            ?? named.GetValueOrDefault(full);

        public string? OwnerOf(string instance) => _given.TryGetValue(instance, out var given) && work.Caller.IsOfSite
            ? given : owners.GetValueOrDefault(instance);

        /// <summary>The group's effective policy.</summary>
        public Policy Policy(DeclaredGroup group)
        {
            var baseline = group.PolicyName is null ? PolicyText.Build(group.Overrides)
                : Named(GroupName.Of(group.Tenant!, group.PolicyName)) ?? Protection.Policies.Policy.Default;
            return PolicyText.With(baseline, group.Overrides) with { Quiesce = group.Quiesce };
        }

        /// <summary>
        /// What a group has not followed that came here from another site. What a policy changes just now is not told
        /// of each group.
        /// </summary>
        public IEnumerable<FieldChange> Drift(GroupDefinition now, DeclaredGroup wanted, Policy policy)
        {
            if (now.Follows is null || now.Follows.Policy != wanted.PolicyName
                || named.GetValueOrDefault(now.FullPolicy!) is not { } stored) return [];
            var followed = PolicyFields.Taken(stored, now.Policy, now.Follows.Own);
            return from field in PolicyFields.Differing(now.Policy, followed)
                   where !wanted.Overrides.ContainsKey(field)
                   select new FieldChange($"policy/{field}", PolicyText.Text(field, PolicyFields.Of(now.Policy, field)),
                       PolicyText.Text(field, PolicyFields.Of(policy, field)));
        }

        public void Add(DeclaredGroup group, CreateGroupRequest request)
        {
            foreach (var (index, member) in group.Members.Index())
                if (!_taken.TryAdd(member.Instance, group) && _taken[member.Instance] != group)
                    group.Fields.Fault($"members/{index}", $"{member.Instance} is in group "
                        + $"{_taken[member.Instance].Name} of these files already", ReasonCode.Conflict);
            var bytes = request.Members.Where(m => instances.ContainsKey(m.Instance))
                .Sum(m => GroupCreation.Replicated(m, instances[m.Instance]).Sum(d => d.SizeBytes));
            if (!More.TryGetValue(group.Tenant!, out var more)) More[group.Tenant!] = more = [];
            more.Add((group, bytes));
        }
    }
}
