// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Api;
using Lifeboat.Controller.Policies;
using Lifeboat.Controller.Storage;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;
using Lifeboat.Protection.Policies;

namespace Lifeboat.Controller.Declarations;

internal sealed record DeclaredPolicy(string? Tenant, string Name, string? Description,
    IReadOnlyDictionary<string, object?> Given, FieldReader Fields) : Declaration("Policy", Tenant, Name, Fields)
{
    public Policy Policy { get; } = PolicyText.Build(Given);
}

internal sealed class PolicyKind(PolicyStore store, PolicyFollowers followers, EditWriter writer,
    TimeProvider time) : IDeclaredKind
{
    public string Kind => "Policy";
    public string NameField => "name";
    public string? UsualTenant => GroupName.DefaultTenant;
    public bool IsOfSite => false;

    public Declaration Read(string? tenant, string name, FieldReader fields)
    {
        var policy = new DeclaredPolicy(tenant, name, fields.Text("description"), PolicyText.Read(fields), fields);
        foreach (var problem in PolicyCatalog.Faults(policy.Description, policy.Policy))
            fields.Fault(PlaceOf(problem), problem);
        return policy;
    }

    public Task PlanAsync(DeclarationWork work, CancellationToken ct)
    {
        var there = store.All().ToDictionary(p => p.Name, StringComparer.Ordinal);
        foreach (var wanted in work.Of<DeclaredPolicy>())
            Plan(wanted, there.GetValueOrDefault(wanted.FullName), work);
        foreach (var policy in there.Values.Where(p => work.Caller.Sees(p.Tenant) && work.Prunes(Kind, p.Tenant)
            && !work.DeclaredPolicies.ContainsKey(p.Name)))
        {
            work.RequireToPrune(Kind, policy.Name, Right.Change);
            foreach (var group in followers.Of(policy.Name).Where(g => !WillLeave(g, work)))
                work.FaultOfFiles($"policy {policy.Name} is not in the files, and group {group.Name} follows it",
                    ReasonCode.Conflict);
            work.LateRemovals.Add(DeclarationWork.Removal(Kind, policy.Tenant, NameIn(policy),
                $"/v1/policies/{policy.Name}", _ =>
                {
                    if (followers.Of(policy.Name).FirstOrDefault() is { } left)
                        throw SiteText.Changed($"group {left.Name}");
                    return SaveAsync(policy, policy with { Removed = true, ChangedAt = time.GetUtcNow() }, []);
                }));
        }
        return Task.CompletedTask;
    }

    public IEnumerable<ExportedDocument> Export(DeclarationWork work) =>
        from policy in store.All()
        where work.Caller.Sees(policy.Tenant)
        select new ExportedDocument(Kind,
        [
            ("name", NameIn(policy)), ("tenant", GroupKind.Said(policy.Tenant)), ("description", policy.Description),
            .. PolicyText.Given(policy.Policy).Select(g => (g.Key, GroupKind.Plain(g.Key, g.Value))),
        ]);

    /// <summary>Where in a document a problem of a policy is: it begins with the field's name.</summary>
    public static string PlaceOf(string problem)
    {
        if (!problem.StartsWith("policy.", StringComparison.Ordinal)) return "description";
        var name = new string([.. problem["policy.".Length..].TakeWhile(char.IsLetter)]);
        return name == "ship" ? "shipWindows" : name;
    }

    private void Plan(DeclaredPolicy wanted, StoredPolicy? now, DeclarationWork work)
    {
        var fields = FieldChanges.Between(now is null ? [] : Shown(now), Shown(wanted.Description, wanted.Policy));
        if (now is not null && fields.Count == 0)
        {
            work.Unchanged++;
            return;
        }
        work.Require(wanted, Right.Change);
        // Groups that are declared are looked at with what they declare.
        var problems = from g in followers.Of(wanted.FullName)
                       where !work.Of<DeclaredGroup>().Any(d => d.FullName == g.Name)
                       from p in PolicyFollowers.Followed(g, wanted.Policy).Policy.Problems()
                           .Except(wanted.Policy.Problems())
                       select $"group {g.Name}, which follows it: {p}";
        foreach (var problem in problems) wanted.Fields.Fault("", problem);
        var before = store.Now().GetValueOrDefault(wanted.FullName);
        var next = new StoredPolicy(wanted.FullName, 0, wanted.Description, wanted.Policy, time.GetUtcNow());
        // A document says all of it, so it settles what is contested.
        var said = before is { Removed: false } ? fields.Select(f => f.Field) : PolicyMerging.All;
        work.Change(wanted, now is null ? ChangeAction.Create : ChangeAction.Change, fields,
            $"/v1/policies/{wanted.FullName}", _ => SaveAsync(before, next, said));
        work.Endings.Add(ct => store.Find(wanted.FullName) is { } kept ? followers.FollowAsync(kept, ct)
            : Task.CompletedTask);
    }

    private Task SaveAsync(StoredPolicy? before, StoredPolicy wanted, IEnumerable<string> said) =>
        store.TrySave(before, PolicyMerging.Edited(before, wanted, said, writer)) || IsThere(wanted)
            ? Task.CompletedTask : throw SiteText.Changed($"policy {wanted.Name}");

    // Paired sites level their policies: it may have come from the other one since it was planned.
    private bool IsThere(StoredPolicy wanted) => !wanted.Removed && store.Find(wanted.Name) is { } now
        && FieldChanges.Between(Shown(now), Shown(wanted.Description, wanted.Policy)).Count == 0;

    private static bool WillLeave(GroupDefinition group, DeclarationWork work) => work.GoneGroups.Contains(group.Name)
        || work.Of<DeclaredGroup>().Any(d => d.FullName == group.Name && d.PolicyName != group.Follows?.Policy);

    // As a document could not have it, so that what is contested differs from whatever is declared.
    private static IEnumerable<(string Field, string? Text)> Shown(StoredPolicy now)
    {
        var contested = PolicyMerging.Conflicts(now).ToDictionary(c => c.Field, c => "contested: "
            + string.Join(", ", c.Values.Select(v => $"{v.Value} of {v.Site}")), StringComparer.Ordinal);
        return Shown(now.Description, now.Policy).Where(s => !contested.ContainsKey(s.Field))
            .Concat(contested.Select(c => (c.Key, (string?)c.Value)));
    }

    private static IEnumerable<(string Field, string? Text)> Shown(string? description, Policy policy) =>
    [
        ("description", description),
        .. PolicyText.Given(policy).Select(g => (g.Key, (string?)PolicyText.Text(g.Key, g.Value))),
    ];

    private static string NameIn(StoredPolicy policy) => GroupKind.ShortName(policy.Name);
}
