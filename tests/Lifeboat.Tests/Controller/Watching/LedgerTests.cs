// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Contracts.Agents;
using Lifeboat.Contracts.Api;
using Lifeboat.Controller.ServiceLevels;
using Lifeboat.Controller.Storage;
using Lifeboat.Controller.Usage;
using Lifeboat.Controller.Watching;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;
using Lifeboat.Protection.Plans;
using Lifeboat.Recovery.Runs;
using Lifeboat.Testing;
using Lifeboat.Testing.Recovery;
using Lifeboat.Tests.Controller.Alerts;
using Lifeboat.Tests.Linking;

namespace Lifeboat.Tests.Controller.Watching;

/// <summary>Service levels and usage over simulated time, with gaps and restarts of everything.</summary>
public sealed class LedgerTests : IDisposable
{
    private static readonly long Size = Sight.Group().Definition.Volumes.Sum(v => v.SizeBytes);

    private readonly string _folder = Directory.CreateTempSubdirectory("lb-ledger").FullName;
    private readonly HandClock _time = new();
    private readonly InMemoryRunStore _runs = new();
    private readonly ControllerDatabase _database;
    private DateTimeOffset _now = new(2026, 11, 30, 23, 0, 0, TimeSpan.Zero);
    private LevelLedger _levels;
    private UsageLedger _usage;

    public LedgerTests()
    {
        _database = new SqliteDatabase(Path.Combine(_folder, "controller.db"));
        (_levels, _usage) = (Levels(), new UsageLedger(_database));
    }

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Attainment_counts_met_and_missed_and_keeps_the_rest_apart()
    {
        await SeeAsync(0);
        for (var i = 0; i < 60; i++) await SeeAsync(10);                                     // 600 s met
        for (var i = 0; i < 6; i++) await SeeAsync(10, Late());                              // 60 s missed
        for (var i = 0; i < 3; i++) await SeeAsync(10, Sight.Group(GroupState.Suspended));   // see below
        for (var i = 0; i < 3; i++) await SeeAsync(10, Sight.Group(GroupState.Initializing));
        await SeeAsync(90);                                                                  // nobody looked
        _levels = Levels();
        await SeeAsync(10);                                                                  // met, over a restart
        var level = await LevelAsync("2026-11");
        // Between two classes the worse one counts: the 10 s from missed to suspended are missed.
        Assert.Equal((610, 70, 20, 30, 90), (Seconds(level.Met), Seconds(level.Missed), Seconds(level.Suspended),
            Seconds(level.NotProtected), Seconds(level.Unknown)));
        Assert.Equal(610 / 680.0, level.Attainment!.Value, 9);
        Assert.Null((await LevelAsync("2026-10")).Attainment);
    }

    [Fact]
    public async Task A_month_ends_at_midnight_and_a_long_silence_is_in_every_month_that_it_was()
    {
        await SeeAsync(0);
        await SeeAsync((int)TimeSpan.FromDays(40).TotalSeconds);
        Assert.Equal(3600, Seconds((await LevelAsync("2026-11")).Unknown));
        Assert.Equal(31 * 86400, Seconds((await LevelAsync("2026-12")).Unknown));
        Assert.Equal(40 * 86400 - 3600 - 31 * 86400, Seconds((await LevelAsync("2027-01")).Unknown));
        await Assert.ThrowsAsync<ProblemException>(() => LevelAsync("last"));
    }

    [Fact]
    public async Task An_agent_that_does_not_answer_is_unknown_and_a_diverged_group_is_missed()
    {
        await SeeAsync(0);
        await SeeAsync(10, Sight.Group(GroupState.Degraded) with { Source = null });
        await SeeAsync(10, Sight.Group(GroupState.Diverged));
        await SeeAsync(10, Sight.Group(GroupState.Diverged));
        var level = await LevelAsync("2026-11");
        Assert.Equal((20, 10), (Seconds(level.Unknown), Seconds(level.Missed)));
    }

    [Fact]
    public async Task A_month_of_usage_adds_up_to_the_counters_over_restarts_of_agents_and_controllers()
    {
        var prng = new Prng(7);
        var agent = new CountingAgent();
        var seconds = 0;
        for (var i = 0; i < 1500; i++)
        {
            if (prng.Next(0, 40) == 0) agent.Restart(kept: prng.Next(0, 4) != 0);
            if (prng.Next(0, 50) == 0) _usage = new UsageLedger(_database);
            agent.Write(prng.Next(0, 1 << 20));
            var step = prng.Next(0, 100) == 0 ? 300 : 20;
            seconds += step > 30 ? 0 : step;
            await SeeAsync(i == 0 ? 0 : step, Sight.Group(), agent.Totals);
        }
        seconds -= 20;   // the first look has none before it
        var lines = new[] { "2026-11", "2026-12" }.Select(m => Usage("a", m)).ToList();
        Assert.All(lines, l => Assert.True(l.ChangedBytes > 0));
        // To the byte: what is missing of a killed agent, the agent itself does not know of.
        Assert.Equal(agent.Captured, lines.Sum(l => l.ChangedBytes));
        Assert.Equal(agent.Wire, lines.Sum(l => l.WireBytes));
        Assert.Equal(seconds / 3600.0, lines.Sum(l => l.ObservedHours), 6);
        Assert.True(lines.Sum(l => l.UnobservedHours) > 0);
        Assert.Equal(seconds / 3600.0 * Size / (1L << 30), lines.Sum(l => l.ProtectedGibHours), 6);
        Assert.Equal(0, lines.Sum(l => l.JournalGibHours));
    }

    [Fact]
    public async Task The_recovery_site_meters_journal_points_and_instances()
    {
        await SeeAsync(0, "b", Sight.Group());
        for (var i = 0; i < 180; i++) await SeeAsync(20, "b", Sight.Group());
        var drill = Run(RunKind.TestFailover, _now.AddMinutes(-50), _now.AddMinutes(-20));
        foreach (var again in new[] { 1, 2 }) await SeeAsync(20 * again, "b", Sight.Group(), drill);
        var line = Usage("b", "2026-12");
        Assert.Equal(0.5 * Instances, line.DrillInstanceHours + Usage("b", "2026-11").DrillInstanceHours, 6);
        Assert.Equal(0, line.ProtectedGibHours);
        var november = Usage("b", "2026-11");
        Assert.Equal(3.0 / 1024, november.JournalGibHours, 6);
        Assert.Equal(Size / (double)(1L << 30), november.PointGibHours, 6);
        Assert.Equal(0, november.ChangedBytes);
    }

    [Fact]
    public async Task A_journal_that_grows_counts_with_its_mean_between_two_looks()
    {
        for (var i = 0; i <= 180; i++)
            await SeeAsync(i == 0 ? 0 : 20, "b", Sight.Group() with
            {
                Replica = Sight.Replica() with { JournalBytes = (long)i << 20 },
            });
        Assert.Equal(90.0 / 1024, Usage("b", "2026-11").JournalGibHours, 6);
        // Nobody knows how it went meanwhile where another controller watched.
        await SeeAsync(20, Sight.At("b", Sight.Group() with
        {
            Replica = Sight.Replica() with { JournalBytes = 900L << 20 },
        }) with { IsFirst = true });
        Assert.Equal(900.0 / 1024 * 20 / 3600, Usage("b", "2026-12").JournalGibHours, 6);
        Assert.Equal(_now, new UsageReports(_database, new PriceStore(_database), "b", _time).Of(null, null).UpTo);
    }

    [Fact]
    public async Task Instances_in_recovery_count_from_the_failover_on_also_while_no_controller_looks()
    {
        var here = Sight.Group(GroupState.FailedOver);
        here = here with { Definition = here.Definition with { PrimarySite = "b", RecoverySite = "a" }, Source = null };
        await SeeAsync(0, "b", here);
        var failover = Run(RunKind.Failover, _now, null);
        await SeeAsync(600, "b", here, failover);
        Assert.Equal(600.0 / 3600 * Instances, Usage("b", "2026-11").RecoveryInstanceHours, 6);
        Assert.Equal(0, Usage("b", "2026-11").ProtectedGibHours);
        await SeeAsync(20, "b", here, Run(RunKind.Failback, _now.AddSeconds(10), null));
        Assert.Equal(600.0 / 3600 * Instances, Usage("b", "2026-11").RecoveryInstanceHours, 6);
    }

    [Fact]
    public async Task Prices_are_applied_by_line_and_sums_are_those_of_the_lines()
    {
        await SeeAsync(0);
        for (var i = 0; i < 30; i++) await SeeAsync(20);
        var prices = new PriceStore(_database);
        var reports = new UsageReports(_database, prices, "a", _time);
        Assert.Null(reports.Of("2026-11", null).Total.Cost);
        Assert.Equal(2, Assert.Throws<ProblemException>(() => prices.Put(
            new PriceBook { Currency = "euro", WireGib = -1 })).Errors!.Count);
        prices.Put(new PriceBook { Currency = "EUR", ProtectedGibHour = 1000 });
        var report = reports.Of("2026-11", null);
        var expected = Math.Round((decimal)(600.0 / 3600 * Size / (1L << 30) * 1000), 4);
        Assert.Equal(("EUR", expected, expected), (report.Currency, report.Lines[0].Cost, report.Total.Cost));
        Assert.Empty(reports.Of("2026-11", "other").Lines);
        Assert.Equal("*", Assert.Single(reports.Of("2026-11", "default").Tenants).Group);
    }

    [Fact]
    public async Task Instances_in_recovery_count_on_though_their_failover_is_no_longer_among_the_newest_runs()
    {
        var here = Sight.Group(GroupState.FailedOver);
        here = here with { Definition = here.Definition with { PrimarySite = "b", RecoverySite = "a" }, Source = null };
        await SeeAsync(0, "b", here);
        await SeeAsync(10, "b", here, Run(RunKind.Failover, _now, null));
        var before = Usage("b", "2026-11").RecoveryInstanceHours;
        // Another controller, or this one after a restart: its first look does not go so far back.
        _usage = new UsageLedger(_database);
        await SeeAsync(10, Sight.At("b", here) with { IsFirst = true });
        Assert.Equal(before + 10.0 / 3600 * Instances, Usage("b", "2026-11").RecoveryInstanceHours, 6);
        await SeeAsync(10, "b", here, Run(RunKind.Failback, _now, null));
        var home = Usage("b", "2026-11").RecoveryInstanceHours;
        await SeeAsync(10, "b", here);
        Assert.Equal(home, Usage("b", "2026-11").RecoveryInstanceHours, 6);
    }

    private static int Instances => Sight.Group().Definition.Members.Count;

    private static GroupInfo Late() => Sight.Group(GroupState.Degraded) with
    {
        Source = Sight.Source() with { Lag = TimeSpan.FromMinutes(5) },
    };

    private Task SeeAsync(int seconds, GroupInfo? group = null, SourceTotals? totals = null) => SeeAsync(
        seconds, Sight.At("a", group ?? Sight.Group()) with
        {
            Totals = totals is null ? [] : [new GroupTotals("shop", totals)],
        });

    private Task SeeAsync(int seconds, string site, GroupInfo group, params Run[] runs) =>
        SeeAsync(seconds, Sight.At(site, group) with { Runs = runs });

    private async Task SeeAsync(int seconds, Observation seen)
    {
        _now = _now.AddSeconds(seconds);
        seen = seen with { At = _now };
        await _levels.SeeAsync(seen, Ct);
        await _usage.SeeAsync(seen, Ct);
    }

    private static Run Run(RunKind kind, DateTimeOffset from, DateTimeOffset? to)
    {
        RunStep Step(int index, string name, DateTimeOffset started, DateTimeOffset ended) => new()
        {
            Index = index,
            Name = name,
            Title = name,
            Parameters = default,
            State = StepState.Succeeded,
            StartedAt = started,
            FinishedAt = ended,
        };
        return new Run
        {
            Id = Guid.NewGuid(),
            Group = "shop",
            Kind = kind,
            Site = "b",
            State = RunState.Succeeded,
            Input = RunInput.None,
            Before = Sight.Group().Definition,
            CreatedAt = from,
            FinishedAt = (to ?? from).AddMinutes(1),
            Versions = [],
            Steps =
            [
                Step(0, "start-instances", from, from.AddSeconds(30)),
                .. to is { } end ? [Step(1, "stop-copies", end.AddSeconds(-1), end)] : Array.Empty<RunStep>(),
            ],
        };
    }

    private static long Seconds(TimeSpan span) => (long)Math.Round(span.TotalSeconds);

    private Task<ServiceLevel> LevelAsync(string month) =>
        _levels.OfAsync(Sight.Group().Definition, month, Ct);

    private UsageLine Usage(string site, string month) =>
        new UsageReports(_database, new PriceStore(_database), site, _time).Of(month, null).Total;

    private LevelLedger Levels() => new(_database, _runs, _time);

    public void Dispose()
    {
        _database.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    /// <summary>An agent whose counters go on over restarts, unless their file was lost.</summary>
    private sealed class CountingAgent
    {
        public SourceTotals Totals { get; private set; } = new(Guid.NewGuid(), 0, 0, 0);
        public long Captured { get; private set; }
        public long Wire { get; private set; }

        public void Write(int bytes)
        {
            Totals = Totals with
            {
                CapturedBytes = Totals.CapturedBytes + bytes, WireBytes = Totals.WireBytes + bytes / 2,
            };
            Captured += bytes;
            Wire += bytes / 2;
        }

        public void Restart(bool kept)
        {
            if (!kept) Totals = new SourceTotals(Guid.NewGuid(), 0, 0, 0);
        }
    }
}
