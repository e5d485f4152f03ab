// SPDX-License-Identifier: Apache-2.0
using System.Globalization;

namespace Lifeboat.Protection.Links;

/// <summary>
/// Rates as people write them: bits a second in decimal steps (`500kbit`, `20Mbit`, `1.5Gbit`) or bytes a second
/// (`2MB` decimal, `2MiB` binary). Kept in bytes a second.
/// </summary>
public static class DataRate
{
    /// <summary>Less than this and not even keepalive is sure to get through.</summary>
    public const long Least = 64 << 10;
    public const string Rule = "write it as 500kbit, 20Mbit, 1.5Gbit, 2MB or 2MiB (a second); the least is 64 KiB";

    private static readonly (string Unit, double Bytes)[] Units =
    [
        ("kbit", 125), ("Mbit", 125e3), ("Gbit", 125e6), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30),
        ("kB", 1e3), ("MB", 1e6), ("GB", 1e9),
    ];

    public static bool TryParse(string text, out long bytesPerSecond)
    {
        bytesPerSecond = 0;
        foreach (var (unit, bytes) in Units)
        {
            if (!text.EndsWith(unit, StringComparison.OrdinalIgnoreCase)) continue;
            if (!double.TryParse(text.AsSpan(0, text.Length - unit.Length), NumberStyles.AllowDecimalPoint,
                CultureInfo.InvariantCulture, out var count) || count * bytes > 1e15)
                return false;
            bytesPerSecond = (long)(count * bytes);
            return bytesPerSecond >= Least;
        }
        return false;
    }

    /// <summary>In bits, as the text that gives the same rate again but for less than a thousandth.</summary>
    public static string Text(long bytesPerSecond)
    {
        var bits = bytesPerSecond * 8.0;
        var (unit, size) = bits >= 1e9 ? ("Gbit", 1e9) : bits >= 1e6 ? ("Mbit", 1e6) : ("kbit", 1e3);
        return (bits / size).ToString("0.###", CultureInfo.InvariantCulture) + unit;
    }
}
