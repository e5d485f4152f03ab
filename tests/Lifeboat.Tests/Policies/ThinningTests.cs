// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection;
using Lifeboat.Protection.Policies;
using Lifeboat.Protection.RecoveryPoints;
using Lifeboat.Testing;
using Xunit;

namespace Lifeboat.Tests.Policies;

/// <summary>Which points stay as they age.</summary>
public sealed class ThinningTests
{
    private static readonly DateTimeOffset Start = new(2026, 3, 1, 10, 0, 0, TimeSpan.Zero);
    private static readonly Retention Rules = Retention.Parse("all:1h,1m:1d,1h:7d").Retention!;

    [Fact]
    public void Eight_days_of_points_thin_out_to_an_hour_of_all_a_day_of_minutes_and_a_week_of_hours()
    {
        var points = Points(Enumerable.Range(0, 8 * 24 * 60 * 6).Select(i => Start + TimeSpan.FromSeconds(10 * i)));
        var newest = points[^1].CutAt;

        var kept = Thinning.Keep(points, Rules, newest);

        Assert.Equal(361, kept.Count(p => newest - p.CutAt <= TimeSpan.FromHours(1)));
        Assert.InRange(Between(kept, newest, TimeSpan.FromHours(1), TimeSpan.FromDays(1)), 23 * 60 - 1, 23 * 60 + 1);
        Assert.InRange(Between(kept, newest, TimeSpan.FromDays(1), TimeSpan.FromDays(7)), 6 * 24 - 1, 6 * 24 + 1);
        Assert.Equal(0, Between(kept, newest, TimeSpan.FromDays(7), TimeSpan.FromDays(99)));
    }

    [Fact]
    public void Thinning_often_keeps_the_same_points_as_thinning_once()
    {
        var prng = new Prng(20261124);
        var rules = Retention.Parse("all:10m,7m:2h,1h:1d").Retention!;
        var times = new List<DateTimeOffset> { Start };
        for (var i = 0; i < 4000; i++) times.Add(times[^1] + TimeSpan.FromSeconds(prng.Next(1, 120)));
        var all = Points(times);

        IReadOnlyList<RecoveryPoint> often = [];
        foreach (var point in all) often = Thinning.Keep([.. often, point], rules, point.CutAt);

        Assert.Equal(Thinning.Keep(all, rules, all[^1].CutAt), often);
        Assert.InRange(often.Count, 30, 80);
    }

    [Fact]
    public void Pinned_quiesced_and_labelled_points_outlive_the_others_by_their_own_rules()
    {
        var points = Points(Enumerable.Range(0, 48).Select(i => Start + TimeSpan.FromHours(i)));
        points[0] = points[0] with { State = PointState.Pinned };
        points[1] = points[1] with { Consistency = Consistency.Application };
        points[2] = points[2] with { Label = "before upgrade" };
        points[30] = points[30] with { Consistency = Consistency.FileSystem };
        points[31] = points[31] with { Label = "nightly" };
        var rules = Retention.Parse("all:2h,application:20h,labelled:3d").Retention!;

        var kept = Thinning.Keep(points, rules, points[^1].CutAt).Select(p => p.Sequence);

        Assert.Equal([1, 3, 31, 32, 46, 47, 48], kept);
    }

    [Fact]
    public void A_clock_that_is_wrong_keeps_more_rather_than_less()
    {
        var points = Points(Enumerable.Range(0, 100).Select(i => Start + TimeSpan.FromMinutes(i)));

        Assert.Equal(61, Thinning.Keep(points, TimeSpan.FromHours(1), Start + TimeSpan.FromDays(400)).Count);
        Assert.Equal(100, Thinning.Keep(points, TimeSpan.FromHours(1), Start - TimeSpan.FromDays(400)).Count);
        Assert.Empty(Thinning.Keep([], Rules, Start));
    }

    private static int Between(IEnumerable<RecoveryPoint> points, DateTimeOffset newest, TimeSpan from, TimeSpan to) =>
        points.Count(p => newest - p.CutAt > from && newest - p.CutAt <= to);

    private static List<RecoveryPoint> Points(IEnumerable<DateTimeOffset> times) =>
    [
        .. times.Select((at, i) => new RecoveryPoint(Guid.Empty, i + 1, Epoch.First, at, Consistency.Crash,
            PointState.Sealed, null, null, new Dictionary<string, Consistency>())),
    ];
}
