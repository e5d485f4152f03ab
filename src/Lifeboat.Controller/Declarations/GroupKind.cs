// SPDX-License-Identifier: Apache-2.0
using System.Globalization;
using Lifeboat.Contracts.Api;
using Lifeboat.Controller.Storage;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;
using Lifeboat.Protection.Policies;

namespace Lifeboat.Controller.Declarations;

internal sealed record DeclaredGroup(string? Tenant, string Name, string RecoverySite, string? Application,
    string? PolicyName, IReadOnlyDictionary<string, object?> Overrides, QuiesceRules Quiesce,
    IReadOnlyList<MemberRequest> Members, FieldReader Fields) : Declaration("Group", Tenant, Name, Fields);

/// <summary>Groups as documents have them; <see cref="GroupPlanner"/> finds what is to be changed.</summary>
internal sealed class GroupKind(GroupStore groups, GroupPlanner planner) : IDeclaredKind
{
    public string Kind => "Group";
    public string NameField => "name";
    public string? UsualTenant => GroupName.DefaultTenant;
    public bool IsOfSite => false;

    public Declaration Read(string? tenant, string name, FieldReader fields)
    {
        var overrides = fields.Map("overrides");
        var group = new DeclaredGroup(tenant, name, fields.Name("recoverySite"), fields.Named("application"),
            fields.Named("policy"), overrides is null ? new Dictionary<string, object?>() : PolicyText.Read(overrides),
            new QuiesceRules([.. fields.Maps("quiesce").Select(Rule)]), Members(fields), fields);
        overrides?.End();
        if (fields.Node("members") is null or { Kind: NodeKind.List, Items.Count: 0 })
            fields.Fault("members", "members is empty; a group has at least one instance");
        return group;
    }

    public Task PlanAsync(DeclarationWork work, CancellationToken ct) => planner.PlanAsync(work, ct);

    public IEnumerable<ExportedDocument> Export(DeclarationWork work) =>
        from record in groups.All()
        let of = record.Definition
        where !record.Removed && !of.MovedByCloud && of.PrimarySite == work.Site && work.Caller.Sees(of.Tenant)
        select Document(of);

    public static string ShortName(string full) => full[(full.IndexOf('_', StringComparison.Ordinal) + 1)..];

    /// <summary>The default tenant is what a document without one is of.</summary>
    public static string? Said(string tenant) => tenant == GroupName.DefaultTenant ? null : tenant;

    /// <summary>A field of a policy as it is exported: windows as a list, everything else as text.</summary>
    public static object? Plain(string field, object? value) => field == "shipWindows"
        ? Policy.WindowsOf((string)value!).ToList() : PolicyText.Text(field, value);

    /// <summary>The fields that a document has to say for the group to have its policy.</summary>
    public static IReadOnlyDictionary<string, object?> Overrides(Policy policy, PolicyFollowing? follows) =>
        follows is null ? PolicyText.Given(policy)
            : PolicyText.Of(policy, follows.Own.Intersect(PolicyFields.Names, StringComparer.Ordinal));

    private static ExportedDocument Document(GroupDefinition group) => new("Group",
    [
        ("name", ShortName(group.Name)), ("tenant", Said(group.Tenant)), ("recoverySite", group.RecoverySite),
        ("application", group.Application), ("policy", group.Follows?.Policy),
        ("overrides", Overrides(group.Policy, group.Follows) is { Count: > 0 } own
            ? own.Select(o => (o.Key, Plain(o.Key, o.Value))).ToList() : null),
        ("quiesce", group.Policy.Quiesce.All.Select(Document).ToList()),
        ("members", group.Members.Select(m => Document(group, m)).ToList()),
    ]);

    private static object Document(GroupDefinition group, GroupMember member)
    {
        var excluded = Excluded(member).ToList();
        var targets = Targets(group, member.Instance, group.RecoverySite);
        return excluded.Count == 0 && targets.Count == 0 ? member.Instance : new List<(string, object?)>
        {
            ("instance", member.Instance), ("excludedDisks", excluded),
            ("targetDisks", targets.Count == 0 ? null : targets.Select(t => (t.Key, (object?)t.Value)).ToList()),
        };
    }

    /// <summary>Disks of the instance that are not in the group.</summary>
    public static IEnumerable<string> Excluded(GroupMember member) =>
        member.Description.Disks.Select(d => d.Name).Where(d => member.Volumes.All(v => v.Disk != d));

    /// <summary>By disk: what the site was told to keep the replica in.</summary>
    public static IReadOnlyDictionary<string, string> Targets(GroupDefinition group, string instance, string site) =>
        group.TargetDisks.Where(t => t.Site == site)
            .Join(group.Volumes.Where(v => v.Instance == instance), t => t.Volume, v => v.Name,
                (t, v) => (v.Disk, t.Path))
            .ToDictionary(t => t.Disk, t => t.Path);

    private static object Document(QuiesceRule rule) => new List<(string, object?)>
    {
        ("instance", rule.Instance), ("order", rule.Order == 0 ? null : Text(rule.Order)),
        ("steps", rule.Steps.Select(s => new List<(string, object?)>
        {
            ("provider", s.Provider), ("limit", s.Limit is { } limit ? Span.Text(limit) : null),
            ("settings", s.Settings.Count == 0 ? null : s.Settings.OrderBy(x => x.Key, StringComparer.Ordinal)
                .Select(x => (x.Key, (object?)x.Value)).ToList()),
        }).ToList()),
        ("onFailure", rule.OnFailure is { } failure ? FieldReader.Kebab(failure) : null),
        ("retries", rule.Retries == 0 ? null : Text(rule.Retries)),
    };

    private static List<MemberRequest> Members(FieldReader fields)
    {
        var members = new List<MemberRequest>();
        foreach (var member in fields.Maps("members", text: "instance"))
        {
            var instance = member.Name("instance");
            var targets = new Dictionary<string, string>(StringComparer.Ordinal);
            if (member.Map("targetDisks") is { } map)
                foreach (var disk in map.Names().ToList())
                    if (map.Text(disk) is { } path) targets[disk] = path;
            var excluded = member.Texts("excludedDisks");
            member.End();
            if (instance.Length > 0)
                members.Add(new MemberRequest(instance, 0, MemberKind.Replicated, excluded.Count == 0 ? null : excluded,
                    targets.Count == 0 ? null : targets));
        }
        return members;
    }

    private static QuiesceRule Rule(FieldReader fields)
    {
        var rule = new QuiesceRule
        {
            Instance = fields.Name("instance"),
            Order = fields.Number("order", 0, 1000) ?? 0,
            OnFailure = fields.Choice<QuiesceFailure>("onFailure"),
            Retries = fields.Number("retries", 0, 10) ?? 0,
            Steps = [.. fields.Maps("steps", text: "provider").Select(Step)],
        };
        fields.End();
        return rule;
    }

    private static QuiesceStep Step(FieldReader fields)
    {
        var settings = new Dictionary<string, string>(StringComparer.Ordinal);
        if (fields.Map("settings") is { } map)
            foreach (var name in map.Names().ToList())
                if (map.Text(name) is { } text) settings[name] = text;
        var step = new QuiesceStep
        {
            Provider = fields.Name("provider"),
            Limit = fields.Value("limit", "a duration such as 5s", Span.Parse),
            Settings = settings,
        };
        fields.End();
        return step;
    }

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}
