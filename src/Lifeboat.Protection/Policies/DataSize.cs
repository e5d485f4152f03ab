// SPDX-License-Identifier: Apache-2.0
using System.Globalization;

namespace Lifeboat.Protection.Policies;

/// <summary>Sizes as people write them: `128MiB`, `4GiB`, `1.5TiB`, decimal `10GB`, or bytes.</summary>
public static class DataSize
{
    public const string Rule = "a size such as 128MiB, 4GiB, 1.5TiB or 10GB, or a number of bytes";

    private static readonly (string Unit, long Bytes)[] Units =
    [
        ("TiB", 1L << 40), ("GiB", 1L << 30), ("MiB", 1L << 20), ("KiB", 1L << 10),
        ("TB", 1_000_000_000_000), ("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1000), ("B", 1),
    ];

    /// <returns>Bytes; null: it is none.</returns>
    public static long? Parse(string text)
    {
        foreach (var (unit, bytes) in Units.Append(("", 1)))
        {
            if (!text.EndsWith(unit, StringComparison.OrdinalIgnoreCase)) continue;
            return decimal.TryParse(text.AsSpan(0, text.Length - unit.Length).TrimEnd(), NumberStyles.AllowDecimalPoint,
                CultureInfo.InvariantCulture, out var count) && count < long.MaxValue / bytes
                && decimal.IsInteger(count * bytes) ? (long)(count * bytes) : null;
        }
        return null;
    }

    /// <summary>In the largest binary unit that gives a whole number.</summary>
    public static string Text(long bytes)
    {
        foreach (var (unit, size) in Units.Take(4))
            if (bytes >= size && bytes % size == 0) return (bytes / size).ToString(CultureInfo.InvariantCulture) + unit;
        return bytes.ToString(CultureInfo.InvariantCulture);
    }
}
