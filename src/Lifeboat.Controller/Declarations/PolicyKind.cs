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

internal sealed class PolicyKind(PolicyStore store, PolicyFollowers followers, TimeProvider time) : IDeclaredKind
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
                    store.Remove(policy.Name);
                    return Task.CompletedTask;
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
        var fields = FieldChanges.Between(now is null ? [] : Shown(now.Description, now.Policy),
            Shown(wanted.Description, wanted.Policy));
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
        var next = new StoredPolicy(wanted.FullName, (now?.Version ?? 0) + 1, wanted.Description, wanted.Policy,
            time.GetUtcNow());
        work.Change(wanted, now is null ? ChangeAction.Create : ChangeAction.Change, fields,
            $"/v1/policies/{wanted.FullName}", _ => store.TryAdd(next) || now is not null && store.TryReplace(next)
                ? Task.CompletedTask : throw SiteText.Changed($"policy {wanted.FullName}"));
        work.Endings.Add(ct => followers.FollowAsync(next, ct));
    }

    private static bool WillLeave(GroupDefinition group, DeclarationWork work) => work.GoneGroups.Contains(group.Name)
        || work.Of<DeclaredGroup>().Any(d => d.FullName == group.Name && d.PolicyName != group.Follows?.Policy);

    private static IEnumerable<(string Field, string? Text)> Shown(string? description, Policy policy) =>
    [
        ("description", description),
        .. PolicyText.Given(policy).Select(g => (g.Key, (string?)PolicyText.Text(g.Key, g.Value))),
    ];

    private static string NameIn(StoredPolicy policy) => GroupKind.ShortName(policy.Name);
}
