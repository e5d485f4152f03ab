// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Controller.Watching;

/// <summary>A stretch of time cut where another month or day begins (UTC).</summary>
internal static class Slices
{
    private const long DayMs = 86_400_000;

    /// <summary>By month, as year times 100 plus month.</summary>
    public static IEnumerable<(int Month, TimeSpan Length)> Months(DateTimeOffset from, DateTimeOffset to)
    {
        for (var (at, utc) = (from, from.UtcDateTime); at < to;)
        {
            var next = new DateTimeOffset(utc.Year, utc.Month, 1, 0, 0, 0, TimeSpan.Zero).AddMonths(1);
            var end = next < to ? next : to;
            yield return (Month(at), end - at);
            (at, utc) = (end, end.UtcDateTime);
        }
    }

    /// <summary>By day since 1970.</summary>
    public static IEnumerable<(long Day, TimeSpan Length)> Days(DateTimeOffset from, DateTimeOffset to)
    {
        for (var at = from; at < to;)
        {
            var day = Day(at);
            var next = DateTimeOffset.FromUnixTimeMilliseconds((day + 1) * DayMs);
            var end = next < to ? next : to;
            yield return (day, end - at);
            at = end;
        }
    }

    public static int Month(DateTimeOffset at) => at.UtcDateTime.Year * 100 + at.UtcDateTime.Month;
    public static long Day(DateTimeOffset at) => Math.DivRem(at.ToUnixTimeMilliseconds(), DayMs).Quotient;
}
