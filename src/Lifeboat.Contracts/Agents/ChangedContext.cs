// SPDX-License-Identifier: Apache-2.0
using System.Globalization;

namespace Lifeboat.Contracts.Agents;

/// <summary>
/// Meta context of a view's NBD export that says where the volume may differ from another sequence of the same replica
/// (docs/formats/nbd.md). Its name holds both, `lifeboat:changed-since:REPLICA:SEQUENCE`.
/// </summary>
public static class ChangedContext
{
    /// <summary>Flag of what may differ.</summary>
    public const uint Changed = 1;

    private const string Prefix = "lifeboat:changed-since:";

    public static string Name(Guid replica, long sequence) =>
        string.Create(CultureInfo.InvariantCulture, $"{Prefix}{replica:n}:{sequence}");

    public static bool TryParse(string name, out Guid replica, out long sequence)
    {
        (replica, sequence) = (Guid.Empty, 0);
        if (!name.StartsWith(Prefix, StringComparison.Ordinal)) return false;
        var parts = name[Prefix.Length..].Split(':');
        return parts.Length == 2 && Guid.TryParseExact(parts[0], "n", out replica)
            && long.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out sequence);
    }
}
