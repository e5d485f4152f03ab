// SPDX-License-Identifier: Apache-2.0
using System.Globalization;
using Lifeboat.Protection.Links;

namespace Lifeboat.Tests.Linking;

public sealed class RateCalendarTests
{
    [Theory]
    [InlineData("500kbit", 62_500, false)]   // below the least
    [InlineData("1Mbit", 125_000, true)]
    [InlineData("20Mbit", 2_500_000, true)]
    [InlineData("1.5gbit", 187_500_000, true)]
    [InlineData("2MB", 2_000_000, true)]
    [InlineData("2MiB", 2 << 20, true)]
    [InlineData("64KiB", 64 << 10, true)]
    [InlineData("20", 0, false)]
    [InlineData("-1Mbit", 0, false)]
    [InlineData("Mbit", 0, false)]
    [InlineData("1e9Gbit", 0, false)]
    [InlineData("99999999999999999999Gbit", 0, false)]
    public void Rates_are_read_as_people_write_them(string text, long bytes, bool good)
    {
        Assert.Equal(good, DataRate.TryParse(text, out var read));
        if (!good) return;
        Assert.Equal(bytes, read);
        Assert.True(DataRate.TryParse(DataRate.Text(read), out var again));
        Assert.InRange(again, read - read / 500, read + read / 500);
    }

    // 2026-03-02 is a Monday.
    [Theory]
    [InlineData("mon-fri 08:00-18:00 20Mbit", "2026-03-02 08:00", true)]
    [InlineData("mon-fri 08:00-18:00 20Mbit", "2026-03-02 07:59", false)]
    [InlineData("mon-fri 08:00-18:00 20Mbit", "2026-03-02 17:59", true)]
    [InlineData("mon-fri 08:00-18:00 20Mbit", "2026-03-02 18:00", false)]
    [InlineData("mon-fri 08:00-18:00 20Mbit", "2026-03-07 12:00", false)]
    [InlineData("fri-mon 08:00-18:00 20Mbit", "2026-03-08 12:00", true)]
    [InlineData("fri-mon 08:00-18:00 20Mbit", "2026-03-03 12:00", false)]
    [InlineData("sat,sun 00:00-24:00 none", "2026-03-07 23:59", true)]
    [InlineData("mon 22:00-06:00 1Gbit", "2026-03-03 05:59", true)]
    [InlineData("mon 22:00-06:00 1Gbit", "2026-03-02 05:59", false)]
    [InlineData("mon 22:00-06:00 1Gbit", "2026-03-03 06:00", false)]
    [InlineData("sat 22:00-06:00 1Gbit", "2026-03-08 01:00", true)]
    [InlineData("daily 12:00-12:00 1Gbit", "2026-03-02 03:00", true)]
    public void A_window_holds_in_its_hours(string text, string local, bool holds)
    {
        Assert.True(RateWindow.TryParse(text, out var window));
        Assert.Equal(holds, window.Holds(DateTime.Parse(local, CultureInfo.InvariantCulture)));
    }

    [Theory]
    [InlineData("")]
    [InlineData("mon 08:00-18:00")]
    [InlineData("mon-tue-wed 08:00-18:00 20Mbit")]
    [InlineData("moon 08:00-18:00 20Mbit")]
    [InlineData("mon 8-18 20Mbit")]
    [InlineData("mon 24:00-18:00 20Mbit")]
    [InlineData("mon 08:00-25:00 20Mbit")]
    [InlineData("mon 08:00-18:00 fast")]
    public void What_is_no_window_is_refused(string text) => Assert.False(RateWindow.TryParse(text, out _));

    [Fact]
    public void The_first_window_that_holds_counts_else_the_cap()
    {
        var settings = new LinkSettings
        {
            Cap = "200Mbit", Windows = ["mon-fri 08:00-18:00 20Mbit", "daily 06:00-22:00 none"],
        };
        Assert.Empty(settings.Problems());
        Assert.Equal(2_500_000, settings.Calendar().At(At("2026-03-02T12:00Z")));
        Assert.Null(settings.Calendar().At(At("2026-03-02T07:00Z")));
        Assert.Equal(25_000_000, settings.Calendar().At(At("2026-03-02T23:00Z")));
    }

    // Berlin leaves 02:00 to 03:00 out on 2026-03-29 and has it twice on 2026-10-25.
    [Theory]
    [InlineData("2026-03-28T00:30Z", true)]    // 01:30
    [InlineData("2026-03-28T01:30Z", true)]    // 02:30
    [InlineData("2026-03-29T00:30Z", true)]    // 01:30
    [InlineData("2026-03-29T01:00Z", false)]   // 03:00, right behind 01:59
    [InlineData("2026-03-29T22:59Z", false)]   // 00:59 of the next day
    [InlineData("2026-03-29T23:00Z", true)]    // 01:00 of the next day, in summer
    [InlineData("2026-10-25T00:30Z", true)]    // 02:30, summer
    [InlineData("2026-10-25T01:30Z", true)]    // 02:30 again, winter
    [InlineData("2026-10-25T02:00Z", false)]   // 03:00
    public void The_wall_clock_counts_when_it_is_put_forward_or_back(string moment, bool holds)
    {
        var settings = new LinkSettings { Windows = ["daily 01:00-03:00 20Mbit"], TimeZone = "Europe/Berlin" };
        Assert.Empty(settings.Problems());
        Assert.Equal(holds ? 2_500_000 : null, settings.Calendar().At(At(moment)));
    }

    [Fact]
    public void Everything_that_is_wrong_is_told_at_once()
    {
        var problems = new LinkSettings
        {
            Cap = "fast", Windows = ["never", "mon 08:00-18:00 20Mbit", "mon 8-9 1Mbit"], TimeZone = "Mars/North",
            Compression = (CompressionMode)9,
        }.Problems();
        Assert.Equal(5, problems.Count);
        Assert.Contains(problems, p => p.StartsWith("cap 'fast'", StringComparison.Ordinal));
        Assert.Contains(problems, p => p.StartsWith("window 'never'", StringComparison.Ordinal));
        Assert.Contains(problems, p => p.Contains("Mars/North", StringComparison.Ordinal));
    }

    private static DateTimeOffset At(string text) => DateTimeOffset.Parse(text, CultureInfo.InvariantCulture);
}
