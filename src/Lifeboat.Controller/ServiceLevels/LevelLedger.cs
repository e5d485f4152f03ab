// SPDX-License-Identifier: Apache-2.0
using Dapper;
using Lifeboat.Contracts.Api;
using Lifeboat.Controller.Storage;
using Lifeboat.Controller.Watching;
using Lifeboat.Protection.Groups;
using Lifeboat.Protection.Plans;
using Lifeboat.Recovery.Runs;

namespace Lifeboat.Controller.ServiceLevels;

// How long each group was within its RPO target, by month.
//
//   look ── class of this moment ──► time since the mark goes to the worse of the two classes; more than half a minute
//                                    since the mark: nobody looked, it goes to Unknown
//   mark and months are written in one transaction, so that a restart neither loses nor doubles time
internal sealed class LevelLedger(ControllerDatabase database, IRunStore runs, TimeProvider time) : IWatcher
{
    public Task SeeAsync(Observation observation, CancellationToken ct)
    {
        using var connection = database.Open();
        using var transaction = connection.BeginTransaction();
        var marks = connection.Query<Mark>("SELECT name AS Name, at AS At, class AS Class FROM level_marks",
            transaction: transaction).ToDictionary(m => m.Name);
        var (spent, seenNow) = (new List<object[]>(), new List<object[]>());
        foreach (var group in observation.Groups)
        {
            var name = group.Definition.Name;
            var now = LevelClasses.Of(observation, group);
            if (marks.Remove(name, out var mark))
            {
                var from = DateTimeOffset.FromUnixTimeMilliseconds(mark.At);
                var seen = observation.At - from <= SiteWatch.GapLimit
                    ? (LevelClass)Math.Max(mark.Class, (int)now) : LevelClass.Unknown;
                foreach (var (month, length) in Slices.Months(from, observation.At))
                    spent.Add([name, (long)month, (long)seen, (long)length.TotalMilliseconds]);
            }
            seenNow.Add([name, observation.At.ToUnixTimeMilliseconds(), (long)now]);
        }
        ManyRows.Put(transaction, "INSERT INTO level_months(name, month, class, ms)", spent,
            "ON CONFLICT(name, month, class) DO UPDATE SET ms = level_months.ms + excluded.ms");
        ManyRows.Put(transaction, "INSERT INTO level_marks(name, at, class)", seenNow,
            "ON CONFLICT(name) DO UPDATE SET at = excluded.at, class = excluded.class");
        // Another group that is given the name later begins anew.
        foreach (var gone in marks.Keys)
            connection.Execute("DELETE FROM level_marks WHERE name = @gone", new { gone }, transaction);
        transaction.Commit();
        return Task.CompletedTask;
    }

    public async Task<ServiceLevel> OfAsync(GroupDefinition group, string? month, CancellationToken ct)
    {
        var begin = MonthText.Parse(month, time.GetUtcNow());
        var spent = Spent(group.Name, begin);
        TimeSpan In(LevelClass c) => spent.GetValueOrDefault(c);
        var drills = (await runs.EndedSinceAsync(group.Name, begin, ct)).Where(r =>
            r.Kind is RunKind.TestFailover && r.FinishedAt < begin.AddMonths(1)).ToList();
        var measured = In(LevelClass.Met) + In(LevelClass.Missed);
        return new ServiceLevel(group.Name, Tenants.Of(group), MonthText.Of(begin),
            measured > TimeSpan.Zero ? In(LevelClass.Met) / measured : null, group.Policy.RpoTarget,
            In(LevelClass.Met), In(LevelClass.Missed), In(LevelClass.Suspended), In(LevelClass.NotProtected),
            In(LevelClass.Unknown),
            drills.Count(r => r.State is RunState.Succeeded or RunState.SucceededWithWarnings),
            drills.Count(r => r.State is RunState.Failed or RunState.RolledBack));
    }

    /// <summary>Of the present month, of all groups that were measured in it.</summary>
    public IReadOnlyDictionary<string, double> Attainments()
    {
        using var connection = database.Open();
        return connection.Query<Row>("""
            SELECT name AS Name, class AS Class, ms AS Ms FROM level_months
            WHERE month = @month AND class IN (1, 4)
            """, new { month = Slices.Month(time.GetUtcNow()) })
            .GroupBy(r => r.Name).Where(g => g.Sum(r => r.Ms) > 0)
            .ToDictionary(g => g.Key,
                g => g.Where(r => r.Class == (int)LevelClass.Met).Sum(r => r.Ms) / (double)g.Sum(r => r.Ms));
    }

    /// <summary>Removes the months that were over before this.</summary>
    /// <returns>How many rows; fewer than <paramref name="most"/>: there are no more.</returns>
    public int Prune(DateTimeOffset before, int most)
    {
        using var connection = database.Open();
        return connection.Execute("""
            DELETE FROM level_months WHERE (name, month, class) IN (SELECT name, month, class FROM level_months
                WHERE month < @month LIMIT @most)
            """, new { month = Slices.Month(before), most });
    }

    private Dictionary<LevelClass, TimeSpan> Spent(string group, DateTimeOffset month)
    {
        using var connection = database.Open();
        return connection.Query<Row>(
            "SELECT name AS Name, class AS Class, ms AS Ms FROM level_months WHERE name = @group AND month = @month",
            new { group, month = Slices.Month(month) })
            .ToDictionary(r => (LevelClass)r.Class, r => TimeSpan.FromMilliseconds(r.Ms));
    }

    private sealed class Mark
    {
        public string Name { get; init; } = "";
        public long At { get; init; }
        public int Class { get; init; }
    }

    private sealed class Row
    {
        public string Name { get; init; } = "";
        public int Class { get; init; }
        public long Ms { get; init; }
    }
}
