// SPDX-License-Identifier: Apache-2.0
using System.Globalization;
using Lifeboat.Controller.Groups;
using Lifeboat.Controller.Storage;
using Lifeboat.Protection.Groups;
using Lifeboat.Protection.Policies;

namespace Lifeboat.Controller.Declarations;

internal sealed record DeclaredPlan(string? Tenant, string Name, IReadOnlyDictionary<string, int> BootOrder,
    IReadOnlyList<string> Checks, GroupDns Dns, FieldReader Fields) : Declaration("Plan", Tenant, Name, Fields);

/// <summary>
/// The part of a group that its runs are made from, in a document of its own. It is a part of the group's definition,
/// so <see cref="GroupPlanner"/> makes both one change.
/// </summary>
internal sealed class PlanKind(GroupStore groups) : IDeclaredKind
{
    public string Kind => "Plan";
    public string NameField => "group";
    public string? UsualTenant => GroupName.DefaultTenant;
    public bool IsOfSite => false;

    public Declaration Read(string? tenant, string name, FieldReader fields)
    {
        var order = new Dictionary<string, int>(StringComparer.Ordinal);
        if (fields.Map("bootOrder") is { } map)
            foreach (var instance in map.Names().ToList())
                if (map.Number(instance, 0, PlanEditing.OrderMax) is { } place) order[instance] = place;
        return new DeclaredPlan(tenant, name, order, fields.Texts("checks"), ReadDns(fields), fields);
    }

    private static GroupDns ReadDns(FieldReader fields)
    {
        var names = new List<DnsName>();
        foreach (var name in fields.Maps("dns"))
        {
            var addresses = new Dictionary<string, IReadOnlyList<string>>(StringComparer.Ordinal);
            if (name.Map("addresses") is { } map)
                foreach (var site in map.Names().ToList()) addresses[site] = map.Texts(site);
            names.Add(new DnsName
            {
                Name = name.Text("name") ?? "",
                Targets = [.. name.Texts("instances").Select(DnsTarget.Parse)],
                Addresses = addresses,
                Reverse = name.Flag("reverse"),
            });
        }
        var ttl = fields.Value<TimeSpan>("dnsTtl", "a duration such as 60s", Span.Parse) ?? GroupDns.UsualTtl;
        return new GroupDns { Names = names, Ttl = ttl }.Normal();
    }

    private static IReadOnlyList<object> Written(GroupDns dns) => [.. dns.Names.Select(n =>
        (IEnumerable<(string, object?)>)[("name", n.Name), ("instances", n.Targets.Select(t => t.Text()).ToList()),
            ("addresses", n.Addresses.Select(a => (a.Key, (object?)a.Value)).ToList()),
            ("reverse", n.Reverse ? "true" : null)])];

    public Task PlanAsync(DeclarationWork work, CancellationToken ct) => Task.CompletedTask;

    public IEnumerable<ExportedDocument> Export(DeclarationWork work) =>
        from record in groups.All()
        let of = record.Definition
        where !record.Removed && of.PrimarySite == work.Site && work.Caller.Sees(of.Tenant)
            && !of.MovedByCloud
            && (of.Checks.Count > 0 || of.Dns is not null || of.Members.Any(m => m.BootOrder != 0))
        select new ExportedDocument(Kind,
        [
            ("group", GroupKind.ShortName(of.Name)), ("tenant", GroupKind.Said(of.Tenant)),
            ("bootOrder", of.Members.Where(m => m.BootOrder != 0).Select(m => (m.Instance,
                (object?)m.BootOrder.ToString(CultureInfo.InvariantCulture))).ToList() is { Count: > 0 } order
                ? order : null),
            ("checks", of.Checks.ToList()),
            ("dns", Written(of.Dns ?? new())),
            ("dnsTtl", of.Dns is { } dns && dns.Ttl != GroupDns.UsualTtl ? Span.Text(dns.Ttl) : null),
        ]);
}
