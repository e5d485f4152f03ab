// SPDX-License-Identifier: Apache-2.0
using Cronos;

namespace Lifeboat.Protection.Policies;

/// <summary>
/// Moments by a cron expression of five fields (minute, hour, day of month, month, day of week) on the wall clock of a
/// time zone. A moment that the clock leaves out when summer time begins is taken right after the jump; one that it
/// shows twice when summer time ends is taken once.
/// </summary>
public sealed class Calendar
{
    private readonly CronExpression _expression;
    private readonly TimeZoneInfo _zone;

    private Calendar(CronExpression expression, TimeZoneInfo zone) => (_expression, _zone) = (expression, zone);

    /// <param name="zone">An IANA name; null: UTC.</param>
    /// <returns>The calendar, or all that is wrong with the texts.</returns>
    public static (Calendar? Calendar, IReadOnlyList<string> Problems) Parse(string expression, string? zone)
    {
        var problems = new List<string>();
        CronExpression? parsed = null;
        try
        {
            parsed = CronExpression.Parse(expression, CronFormat.Standard);
        }
        catch (CronFormatException e)
        {
            problems.Add($"'{expression}' is no calendar: {e.Message} It is written MINUTE HOUR DAY MONTH WEEKDAY, "
                + "such as 0 3 * * 0 for Sundays at three");
        }
        if (!TimeZoneInfo.TryFindSystemTimeZoneById(zone ?? "UTC", out var found))
            problems.Add($"'{zone}' is no time zone; write an IANA name such as Europe/Berlin");
        return problems.Count > 0 ? (null, problems) : (new Calendar(parsed!, found!), problems);
    }

    /// <summary>The first moment after this one; null: there is none any more.</summary>
    public DateTimeOffset? After(DateTimeOffset moment) =>
        _expression.GetNextOccurrence(moment.ToUniversalTime(), _zone)?.ToUniversalTime();

    /// <summary>The last moment after one and up to another, and how many were before that in between.</summary>
    public (DateTimeOffset? Last, int Before) Between(DateTimeOffset after, DateTimeOffset upTo)
    {
        DateTimeOffset? last = null;
        var count = 0;
        while (After(last ?? after) is { } next && next <= upTo) (last, count) = (next, count + 1);
        return (last, Math.Max(0, count - 1));
    }
}
