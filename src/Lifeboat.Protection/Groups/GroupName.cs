// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Protection.Groups;

/// <summary>
/// Full names of groups and applications, as definitions, agents, files and the link have them: `NAME` in the tenant
/// `default`, else `TENANT_NAME`. The `_` is in no single name, so a full name says without doubt whose it is.
/// </summary>
public static class GroupName
{
    public const string DefaultTenant = "default";
    public const string Rule = "a group is NAME, or TENANT_NAME of another tenant than default; " + EntityName.Rule;
    private const char Between = '_';

    public static bool IsValid(string? full) => full is not null && full.Split(Between) switch
    {
        [var name] => EntityName.IsValid(name),
        [var tenant, var name] => tenant != DefaultTenant && EntityName.IsValid(tenant) && EntityName.IsValid(name),
        _ => false,
    };

    public static string Of(string tenant, string name) => tenant == DefaultTenant ? name : $"{tenant}{Between}{name}";

    public static string TenantOf(string full) =>
        full.IndexOf(Between) is > 0 and var end ? full[..end] : DefaultTenant;

    /// <summary>The full name of what somebody of a tenant calls so; null: it is another tenant's.</summary>
    public static string? Within(string tenant, string name) => !name.Contains(Between) ? Of(tenant, name)
        : IsValid(name) && TenantOf(name) == tenant ? name : null;
}
