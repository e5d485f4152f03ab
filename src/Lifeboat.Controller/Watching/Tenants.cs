// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection.Groups;

namespace Lifeboat.Controller.Watching;

/// <summary>Whose a group is: one place, for alerts, service levels, usage and metrics.</summary>
internal static class Tenants
{
    public static string Of(GroupDefinition group)
    {
        ArgumentNullException.ThrowIfNull(group);
        return group.Tenant;
    }
}
