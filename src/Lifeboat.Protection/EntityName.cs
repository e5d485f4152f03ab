// SPDX-License-Identifier: Apache-2.0
using System.Text.RegularExpressions;

namespace Lifeboat.Protection;

/// <summary>Names of sites, groups, instances, volumes and networks: they become file names, so they are
/// strict.</summary>
public static partial class EntityName
{
    public const string Rule = "a name is 1 to 40 of a-z, 0-9 and '-', and starts with a letter or digit";

    public static bool IsValid(string? name) => name is not null && Pattern().IsMatch(name);

    [GeneratedRegex("^[a-z0-9][a-z0-9-]{0,39}$", RegexOptions.CultureInvariant)]
    private static partial Regex Pattern();
}
