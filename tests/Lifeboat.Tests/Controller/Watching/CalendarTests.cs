// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection.Policies;

namespace Lifeboat.Tests.Controller.Watching;

public sealed class CalendarTests
{
    [Theory]
    [InlineData("0 3 * * 0", "Europe/Berlin", "2026-11-29T12:00:00Z", "2026-12-06T02:00:00Z")]
    [InlineData("0 3 * * 0", null, "2026-11-29T02:59:59Z", "2026-11-29T03:00:00Z")]
    // 02:30 is not on the clock of that night: right after the jump.
    [InlineData("30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", "2026-03-29T01:00:00Z")]
    // 02:30 is twice on the clock of that night: once.
    [InlineData("30 2 * * *", "Europe/Berlin", "2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z")]
    public void The_next_moment_is_by_the_clock_of_the_zone(string text, string? zone, string now, string next)
    {
        var (calendar, problems) = Calendar.Parse(text, zone);
        Assert.Empty(problems);
        Assert.Equal(Time(next), calendar!.After(Time(now)));
    }

    [Fact]
    public void Of_several_that_were_missed_the_last_stands_for_all()
    {
        var calendar = Calendar.Parse("0 3 * * *", null).Calendar!;
        Assert.Equal((Time("2026-11-29T03:00:00Z"), 2),
            calendar.Between(Time("2026-11-26T04:00:00Z"), Time("2026-11-29T03:00:00Z")));
        Assert.Equal((null, 0), calendar.Between(Time("2026-11-29T03:00:00Z"), Time("2026-11-30T02:59:59Z")));
    }

    [Fact]
    public void All_that_is_wrong_is_told_at_once() =>
        Assert.Equal(2, Calendar.Parse("whenever", "Middle/Earth").Problems.Count);

    private static DateTimeOffset Time(string text) =>
        DateTimeOffset.Parse(text, System.Globalization.CultureInfo.InvariantCulture);
}
