// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Contracts.Api;
using Lifeboat.Contracts.Peers;
using Lifeboat.Controller.Names;
using Lifeboat.Controller.Storage;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;
using Lifeboat.Protection.Plans;

namespace Lifeboat.Controller.Groups;

/// <summary>
/// The part of a group's definition that its runs are made from. It is where the definition is, at both sites, so that
/// a recovery needs nothing of the site that is gone.
/// </summary>
internal sealed class PlanEditing(GroupEdits edits, TenantStore tenants, GroupStore groups)
{
    public const int OrderMax = 1000, ChecksMax = 256;

    public GroupPlan Of(GroupDefinition group) => new(group.Name, Order(group), group.Checks,
        tenants.Find(group.Tenant)?.Limits.FourEyes == true)
    {
        Dns = group.Dns,
    };

    public static IReadOnlyDictionary<string, int> Order(GroupDefinition group) =>
        group.Members.ToDictionary(m => m.Instance, m => m.BootOrder);

    /// <exception cref="ProblemException">WrongSite, or InvalidRequest with all faults.</exception>
    public async Task<GroupDefinition> ChangeAsync(string group, PlanChange change, CancellationToken ct)
    {
        var now = edits.Own(group, "plan");
        var (order, checks) = (change.BootOrder ?? Order(now), change.Checks ?? now.Checks);
        var dns = ((now.Dns ?? new()) with
        {
            Names = change.Dns ?? now.Dns?.Names ?? [], Ttl = change.DnsTtl ?? now.Dns?.Ttl ?? GroupDns.UsualTtl,
        }).Normal();
        var faults = Faults(order, checks, [.. now.Members.Select(m => m.Instance)])
            .Concat(Faults(now, dns, groups.All())).ToList();
        if (faults.Count > 0)
            throw ProblemException.Of($"the plan of group {group} would have faults",
                [.. faults.Select(f => new ProblemFault(f.Text, "#/" + f.Place))]);
        var next = With(now, order, checks, dns);
        IReadOnlyList<string> said = [.. change.Checks is null ? (string[])[] : [GroupFields.Checks],
            .. change.Dns is null ? (string[])[] : [GroupFields.Dns],
            .. change.DnsTtl is null ? (string[])[] : [GroupFields.DnsTtl],
            .. (change.BootOrder ?? new Dictionary<string, int>()).Keys.Select(i => GroupFields.OfBoot + i)];
        return IsSame(now, next) && GroupMerging.Contested(now, said).Count == 0 && GroupMerging.Faults(now).Count == 0
            ? now : await edits.SaveAsync(now, next, said, ct);
    }

    /// <param name="order">Those that are not in it keep theirs.</param>
    public static GroupDefinition With(GroupDefinition group, IReadOnlyDictionary<string, int> order,
        IReadOnlyList<string> checks, GroupDns dns) => group with
        {
            Dns = dns.OrNone(),
            Members = [.. group.Members.Select(m => m with
            {
                BootOrder = order.GetValueOrDefault(m.Instance, m.BootOrder),
            })],
            Checks = checks,
        };

    public static bool IsSame(GroupDefinition one, GroupDefinition other) =>
        one.Checks.SequenceEqual(other.Checks)
        && new[] { GroupFields.Dns, GroupFields.DnsTtl }.All(f => GroupFields.Of(one, f) == GroupFields.Of(other, f))
        && one.Members.Select(m => m.BootOrder).SequenceEqual(other.Members.Select(m => m.BootOrder));

    /// <returns>What is wrong with its names, and where: `dns/NUMBER`, `dnsTtl`.</returns>
    /// <param name="all">The groups that this site knows.</param>
    public static IEnumerable<(string Place, string Text)> Faults(GroupDefinition group, GroupDns dns,
        IEnumerable<GroupRecord> all) =>
        dns.Faults([.. group.Members.Select(m => m.Instance)], [group.PrimarySite, group.RecoverySite])
            .Concat(TakenNames.Of(dns.Names.Select(n => n.Name), group.Name, all).Select(t => ("dns", t.Text)));

    /// <returns>What is wrong, and where: `bootOrder/NAME`, `checks/NUMBER`.</returns>
    public static IEnumerable<(string Place, string Text)> Faults(IReadOnlyDictionary<string, int> order,
        IReadOnlyList<string> checks, IReadOnlyCollection<string> members)
    {
        foreach (var (instance, place) in order)
        {
            if (!members.Contains(instance)) yield return ($"bootOrder/{instance}", $"{instance} is not a member");
            else if (place is < 0 or > OrderMax)
                yield return ($"bootOrder/{instance}", $"boot order {place}: allowed is 0 to {OrderMax}");
        }
        if (checks.Count > ChecksMax) yield return ("checks", $"{checks.Count} checks; {ChecksMax} are the most");
        foreach (var (index, text) in checks.Index())
        {
            var (check, problem) = Check.Parse(text);
            if (problem is not null) yield return ($"checks/{index}", problem);
            else if (check!.Instance is { } name && !members.Contains(name))
                yield return ($"checks/{index}", $"check '{text}': {name} is not a member");
        }
    }
}
