// SPDX-License-Identifier: Apache-2.0
using System.Buffers;

namespace Lifeboat.Protection;

/// <summary>Names of sites, groups, instances, volumes and networks: they become file names, so they are
/// strict.</summary>
public static class EntityName
{
    public const string Rule = "a name is 1 to 40 of a-z, 0-9 and '-', and starts with a letter or digit";

    private const int LengthMax = 40;

    // No regular expression: that library would be a megabyte of an idle agent, and its `$` lets a line end pass.
    private static readonly SearchValues<char> Allowed = SearchValues.Create("abcdefghijklmnopqrstuvwxyz0123456789-");

    public static bool IsValid(string? name) =>
        name is { Length: > 0 and <= LengthMax } && name[0] != '-' && !name.AsSpan().ContainsAnyExcept(Allowed);
}
