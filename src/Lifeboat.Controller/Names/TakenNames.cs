// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Peers;
using Lifeboat.Protection.Groups;

namespace Lifeboat.Controller.Names;

/// <summary>A name leads to one group's instances: two groups would take it from each other.</summary>
internal static class TakenNames
{
    /// <summary>Those of the names that another group has.</summary>
    /// <param name="asking">Full name of the one that asks; what is another tenant's is not named to it.</param>
    public static IEnumerable<(string Name, string Text)> Of(IEnumerable<string> names, string asking,
        IEnumerable<GroupRecord> all)
    {
        var others = (from record in all
                      where !record.Removed && record.Definition.Name != asking && record.Definition.Dns is not null
                      from name in record.Definition.Dns!.Names
                      select (name.Name, Group: record.Definition)).ToLookup(o => o.Name, o => o.Group);
        foreach (var name in names)
            if (others[name].FirstOrDefault() is { } other)
                yield return (name, other.Tenant == GroupName.TenantOf(asking)
                    ? $"group {other.Name} has {name} already" : $"another group has {name} already");
    }
}
