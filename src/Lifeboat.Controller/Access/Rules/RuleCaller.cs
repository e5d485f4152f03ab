// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Contracts.Api;
using Lifeboat.Protection;

namespace Lifeboat.Controller.Access.Rules;

/// <summary>A caller as rules see one: by the names that OpenStack's services use, and `rights` and `tenant` of ours.
/// </summary>
internal static class RuleCaller
{
    public static IReadOnlyDictionary<string, IReadOnlyList<string>> Of(Identity identity) => Attributes(
        identity.Roles, identity.Rights, identity.Tenant, identity.Means,
        ("user_id", identity.Cloud?.UserId ?? identity.Name), ("user_name", identity.Cloud?.UserName ?? identity.Name),
        ("user_domain_id", identity.Cloud?.UserDomainId), ("project_id", identity.Cloud?.ProjectId),
        ("project_name", identity.Cloud?.ProjectName), ("project_domain_id", identity.Cloud?.ProjectDomainId));

    /// <summary>Of somebody who is only described.</summary>
    /// <exception cref="ProblemException">InvalidRequest: attributes that nobody has; all are told.</exception>
    public static IReadOnlyDictionary<string, IReadOnlyList<string>> Of(AccessCaller caller)
    {
        var own = new[] { "roles", "rights", "tenant", "is_admin", "system_scope" };
        var unknown = caller.Attributes.Keys.Where(a => own.Contains(a) || !RuleDefaults.CallerAttributes.Contains(a))
            .Select(a => own.Contains(a) ? $"{a} has an input of its own, or follows from them"
                : $"a caller has no '{a}'; there is: {string.Join(", ", RuleDefaults.CallerAttributes.Except(own))}")
            .ToList();
        if (unknown.Count > 0)
            throw new ProblemException(ReasonCode.InvalidRequest, "nobody is such a caller", null, unknown);
        var rights = caller.Roles.Select(Named).OfType<Role>().Where(r => caller.Tenant is null
            || !RoleRights.IsOfSite(r)).SelectMany(RoleRights.Of).Concat(caller.Rights).Distinct().ToList();
        return Attributes(caller.Roles, rights, caller.Tenant, caller.Attributes.GetValueOrDefault("means", "token"),
            [.. caller.Attributes.Where(a => a.Key != "means").Select(a => (a.Key, (string?)a.Value))]);
    }

    private static Role? Named(string role)
    {
        foreach (var known in Enum.GetValues<Role>())
            if (string.Equals(known.ToString(), role, StringComparison.OrdinalIgnoreCase)) return known;
        return null;
    }

    private static Dictionary<string, IReadOnlyList<string>> Attributes(IReadOnlyList<string> roles,
        IReadOnlyList<Right> rights, string? tenant, string means, params (string Name, string? Value)[] more)
    {
        var all = new Dictionary<string, IReadOnlyList<string>>(StringComparer.Ordinal)
        {
            ["roles"] = roles,
            ["rights"] = [.. rights.Select(RuleDefaults.Shown)],
            ["means"] = [means],
            ["is_admin"] = [tenant is null && !RoleRights.All.Except(rights).Any() ? "True" : "False"],
        };
        if (tenant is null) all["system_scope"] = ["all"];
        else all["tenant"] = [tenant];
        foreach (var (name, value) in more)
            if (value is not null) all[name] = [value];
        return all;
    }
}
