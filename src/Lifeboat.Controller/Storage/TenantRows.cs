// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection.Groups;

namespace Lifeboat.Controller.Storage;

/// <summary>
/// Rows of one tenant, in SQL: full names say whose they are (decision 0029). So a list that has an end is one of what
/// the caller may see: what others have must not take its places.
/// </summary>
internal static class TenantRows
{
    /// <param name="column">Has full names; null is no tenant's. `@tenant` is a parameter; null: all rows.</param>
    // Texts are compared by bytes on both engines, and after `_` comes the backtick.
    public static string Are(string column) => $"""
        (@tenant IS NULL
            OR @tenant <> '{GroupName.DefaultTenant}' AND {column} > @tenant || '_' AND {column} < @tenant || '`'
            OR @tenant = '{GroupName.DefaultTenant}' AND {column} NOT LIKE '%!_%' ESCAPE '!')
        """;
}
