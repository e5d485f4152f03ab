// SPDX-License-Identifier: Apache-2.0
using System.Globalization;

namespace Lifeboat.Protection.Policies;

/// <summary>Spans as people write them: `500ms`, `90s`, `15m`, `4h`, `7d`, or `hh:mm:ss`.</summary>
public static class Span
{
    private static readonly (string Unit, TimeSpan Length)[] Units =
    [
        ("d", TimeSpan.FromDays(1)), ("h", TimeSpan.FromHours(1)), ("m", TimeSpan.FromMinutes(1)),
        ("s", TimeSpan.FromSeconds(1)), ("ms", TimeSpan.FromMilliseconds(1)),
    ];

    /// <returns>Null: it is none.</returns>
    public static TimeSpan? Parse(string text)
    {
        foreach (var (unit, length) in Units.OrderByDescending(u => u.Unit.Length))
        {
            if (!text.EndsWith(unit, StringComparison.Ordinal)) continue;
            return double.TryParse(text[..^unit.Length], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture,
                out var count) && count * length.TotalDays < 100 * 365 ? count * length : null;
        }
        return text.Count(c => c == ':') == 2 && TimeSpan.TryParse(text, CultureInfo.InvariantCulture, out var span)
            ? span : null;
    }

    /// <summary>In the largest unit that gives a whole number.</summary>
    public static string Text(TimeSpan span)
    {
        foreach (var (unit, length) in Units)
            if (span.Ticks % length.Ticks == 0)
                return (span.Ticks / length.Ticks).ToString(CultureInfo.InvariantCulture) + unit;
        return span.ToString("c", CultureInfo.InvariantCulture);
    }
}
