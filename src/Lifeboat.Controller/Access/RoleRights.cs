// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Api;

namespace Lifeboat.Controller.Access;

/// <summary>Which rights a role has.</summary>
internal static class RoleRights
{
    public static readonly IReadOnlyList<Right> All = Enum.GetValues<Right>();

    public static IReadOnlyList<Right> Of(Role role) => role switch
    {
        Role.Reader => [Right.View],
        Role.Member => [Right.View, Right.Change, Right.Drill],
        Role.Manager =>
        [
            Right.View, Right.Change, Right.Suspend, Right.Drill, Right.Failover, Right.Commit, Right.Administer,
        ],
        Role.Operator =>
        [
            Right.View, Right.Change, Right.Suspend, Right.Drill, Right.Failover, Right.Commit, Right.Operate,
        ],
        Role.Admin => All,
        Role.Auditor => [Right.View, Right.Audit],
    };

    /// <summary>Only of users of the site: what they are about is no tenant's.</summary>
    public static bool IsOfSite(Role role) => role is Role.Operator or Role.Admin;

    public static IReadOnlyList<Right> Effective(IEnumerable<Role> roles, IEnumerable<Right> granted,
        IEnumerable<Right> taken) => [.. roles.SelectMany(Of).Concat(granted).Except(taken).Distinct().Order()];
}
