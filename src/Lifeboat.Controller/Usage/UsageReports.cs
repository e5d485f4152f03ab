// SPDX-License-Identifier: Apache-2.0
using Dapper;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Api;
using Lifeboat.Controller.Storage;
using Lifeboat.Controller.Watching;

namespace Lifeboat.Controller.Usage;

/// <summary>What the ledger has of a month, and what that costs.</summary>
internal sealed class UsageReports(ControllerDatabase database, PriceStore prices, string site,
    TimeProvider time)
{
    private const string AllGroups = "*";
    private const double HourMs = 3_600_000;
    private const double GibHourKibSeconds = (double)(1 << 20) * 3600;

    /// <param name="month">`2026-11`, UTC; null: the present one.</param>
    /// <param name="tenant">Null: all.</param>
    /// <exception cref="ProblemException">InvalidRequest: no such month.</exception>
    public UsageReport Of(string? month, string? tenant)
    {
        var begin = MonthText.Parse(month, time.GetUtcNow());
        var book = prices.Find();
        var lines = Read(begin, tenant).GroupBy(r => (r.Tenant, r.Name))
            .OrderBy(g => g.Key.Tenant, StringComparer.Ordinal).ThenBy(g => g.Key.Name, StringComparer.Ordinal)
            .Select(g => Line(g.Key.Tenant, g.Key.Name, g.ToDictionary(r => (Meter)r.Meter, r => r.Amount)))
            .Select(l => l with { Cost = book?.Of(l) }).ToList();
        return new UsageReport(site, MonthText.Of(begin), book?.Currency, lines,
            [.. lines.GroupBy(l => l.Tenant).Select(g => Sum(g.Key, g))], Sum(AllGroups, lines))
        {
            UpTo = UpTo(),
        };
    }

    private DateTimeOffset? UpTo()
    {
        using var connection = database.Open();
        return connection.QuerySingle<long?>("SELECT max(at) FROM usage_marks") is { } at
            ? DateTimeOffset.FromUnixTimeMilliseconds(at) : null;
    }

    private List<Row> Read(DateTimeOffset month, string? tenant)
    {
        using var connection = database.Open();
        return [.. connection.Query<Row>("""
            SELECT name AS Name, tenant AS Tenant, meter AS Meter, CAST(sum(amount) AS BIGINT) AS Amount
            FROM usage_days
            WHERE day >= @from AND day < @to AND (@tenant IS NULL OR tenant = @tenant) GROUP BY name, tenant, meter
            UNION ALL
            SELECT name, tenant, 6, CAST(sum(amount) AS BIGINT) FROM usage_drills
            WHERE day >= @from AND day < @to AND (@tenant IS NULL OR tenant = @tenant) GROUP BY name, tenant
            """, new { from = Slices.Day(month), to = Slices.Day(month.AddMonths(1)), tenant })];
    }

    private static UsageLine Line(string tenant, string group, Dictionary<Meter, long> used)
    {
        double GibHours(Meter meter) => used.GetValueOrDefault(meter) / GibHourKibSeconds;
        double Hours(Meter meter) => used.GetValueOrDefault(meter) / HourMs;
        return new UsageLine(tenant, group)
        {
            ProtectedGibHours = GibHours(Meter.Protected),
            ChangedBytes = used.GetValueOrDefault(Meter.Changed),
            WireBytes = used.GetValueOrDefault(Meter.Wire),
            JournalGibHours = GibHours(Meter.Journal),
            PointGibHours = GibHours(Meter.Points),
            DrillInstanceHours = Hours(Meter.Drill),
            RecoveryInstanceHours = Hours(Meter.Recovery),
            ObservedHours = Hours(Meter.Observed),
            UnobservedHours = Hours(Meter.Unobserved),
        };
    }

    private static UsageLine Sum(string tenant, IEnumerable<UsageLine> lines) =>
        lines.Aggregate(new UsageLine(tenant, AllGroups), (sum, line) => sum with
        {
            ProtectedGibHours = sum.ProtectedGibHours + line.ProtectedGibHours,
            ChangedBytes = sum.ChangedBytes + line.ChangedBytes,
            WireBytes = sum.WireBytes + line.WireBytes,
            JournalGibHours = sum.JournalGibHours + line.JournalGibHours,
            PointGibHours = sum.PointGibHours + line.PointGibHours,
            DrillInstanceHours = sum.DrillInstanceHours + line.DrillInstanceHours,
            RecoveryInstanceHours = sum.RecoveryInstanceHours + line.RecoveryInstanceHours,
            ObservedHours = sum.ObservedHours + line.ObservedHours,
            UnobservedHours = sum.UnobservedHours + line.UnobservedHours,
            Cost = line.Cost is null ? sum.Cost : (sum.Cost ?? 0) + line.Cost,
        });

    private sealed class Row
    {
        public string Name { get; init; } = "";
        public string Tenant { get; init; } = "";
        public int Meter { get; init; }
        public long Amount { get; init; }
    }
}
