// SPDX-License-Identifier: Apache-2.0
using System.Globalization;
using Lifeboat.Contracts.Agents;
using Lifeboat.Contracts.Api;
using Lifeboat.Contracts.Sites;
using Lifeboat.Testing.Field;

namespace Lifeboat.Demo;

internal sealed partial class Story
{
    private const double UsageLimit = 0.01;
    // A journal between two looks is metered along a straight line; over a drill that is one or two such lines, and the
    // guest does not write as evenly as that.
    private const double JournalLimit = 0.05;
    private static readonly TimeSpan LookLimit = TimeSpan.FromSeconds(30);

    /// <summary>
    /// While nothing moves: what site b meters by the hour between two of its looks, beside what its agent says five
    /// times a second. Begun before the drill and ended after it.
    /// </summary>
    private Func<Task> MeterHours(CancellationToken ct)
    {
        var watch = new JournalWatch(_b, StoryOptions.Group, time, ct);
        var begun = LookedAtAsync(_b, time.GetUtcNow(), ct);
        return async () =>
        {
            await using var end = watch;
            var (before, after) = (await begun, await UsageAsync(_b, ct));
            var (from, to) = (before.UpTo!.Value, after.UpTo!.Value);
            var journal = await watch.ByteSecondsAsync(from, to) / (1L << 30) / 3600;
            var points = GuestDisks.Sum(d => d.SizeBytes) / (double)(1L << 30) * (to - from).TotalHours;
            var (metered, meteredPoints) = (after.Total.JournalGibHours - before.Total.JournalGibHours,
                after.Total.PointGibHours - before.Total.PointGibHours);
            ledger.Prove("metered GiB hours are what was there",
                Apart(metered, journal) <= JournalLimit && Apart(meteredPoints, points) <= UsageLimit,
                $"{(to - from).TotalSeconds:0} s at site b: journal {metered:0.000000} GiB h metered, "
                + $"{journal:0.000000} there ({Apart(metered, journal):0.00%} apart), volumes with points "
                + $"{meteredPoints:0.000000}, {points:0.000000} there ({Apart(meteredPoints, points):0.00%})");
        };
    }

    /// <summary>
    /// What both sites have metered in the whole story, moves and a killed site included, beside the counters of their
    /// engines; and the CSV beside the JSON. The guest is at rest meanwhile: both sides are read of the same moment.
    /// </summary>
    private async Task AccountAsync(CancellationToken ct)
    {
        await _a.MustAsync(["group", "quiesce", StoryOptions.Group, "--limit", "1m"], ct);
        var (captured, wire) = await CountedAsync(ct);
        var (a, b) = (await LookedAtAsync(_a, time.GetUtcNow(), ct), await LookedAtAsync(_b, time.GetUtcNow(), ct));
        var csv = await CsvBytesAsync(_a, ct) + await CsvBytesAsync(_b, ct);
        await _a.MustAsync(["group", "thaw", StoryOptions.Group], ct);
        var (written, sent) = (a.Total.ChangedBytes + b.Total.ChangedBytes, a.Total.WireBytes + b.Total.WireBytes);
        ledger.Prove("the month's usage adds up to the engines' counters",
            Apart(written, captured) <= UsageLimit && Apart(sent, wire) <= UsageLimit && csv == written,
            $"written {Mib(written)} metered, {Mib(captured)} counted ({Apart(written, captured):0.00%} apart); "
            + $"over the link {Mib(sent)}, {Mib(wire)} ({Apart(sent, wire):0.00%}); "
            + $"{(csv == written ? "CSV is the same" : $"CSV {Mib(csv)}")}");
        ledger.Note("used by both sites", string.Create(CultureInfo.InvariantCulture,
            $"protected {a.Total.ProtectedGibHours + b.Total.ProtectedGibHours:0.0000} GiB h, journal "
            + $"{a.Total.JournalGibHours + b.Total.JournalGibHours:0.0000} GiB h, instances "
            + $"{b.Total.DrillInstanceHours * 3600:0} s in the drill, {b.Total.RecoveryInstanceHours * 3600:0} s in "
            + $"recovery; not looked at: {(a.Total.UnobservedHours + b.Total.UnobservedHours) * 3600:0} s"));
    }

    private static Task<UsageReport> UsageAsync(FieldSite site, CancellationToken ct) =>
        site.AskAsync<UsageReport>(["usage", "report"], ct);

    /// <summary>The report, once the site has looked at itself after this moment.</summary>
    private async Task<UsageReport> LookedAtAsync(FieldSite site, DateTimeOffset after, CancellationToken ct)
    {
        var start = time.GetTimestamp();
        while (true)
        {
            var report = await UsageAsync(site, ct);
            if (report.UpTo > after) return report;
            if (time.GetElapsedTime(start) > LookLimit)
                throw new FieldException($"site {site.Name} metered up to {report.UpTo:O}, and not since {after:O}");
            await Task.Delay(TimeSpan.FromMilliseconds(300), time, ct);
        }
    }

    /// <summary>Bytes that the engines of both sites captured, and sent over the link for them, ever.</summary>
    private async Task<(long Captured, long Wire)> CountedAsync(CancellationToken ct)
    {
        var (captured, wire) = (0L, 0L);
        foreach (var site in new[] { _a, _b })
        {
            using var agent = new AgentClient(new SitePaths(site.Directory).AgentSocket);
            foreach (var group in await agent.TotalsAsync(ct))
                (captured, wire) = (captured + group.Totals.CapturedBytes, wire + group.Totals.WireBytes);
        }
        return (captured, wire);
    }

    private static async Task<long> CsvBytesAsync(FieldSite site, CancellationToken ct)
    {
        var lines = (await site.MustAsync(["usage", "report", "-o", "csv"], ct)).Split("\r\n",
            StringSplitOptions.RemoveEmptyEntries).Select(l => l.Split(',')).ToList();
        var column = Array.IndexOf(lines[0], "changed bytes");
        return lines.Skip(1).Sum(l => long.Parse(l[column], CultureInfo.InvariantCulture));
    }

    private static double Apart(double metered, double there) => there > 0 ? Math.Abs(metered - there) / there : 1;
}
