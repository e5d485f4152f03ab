// SPDX-License-Identifier: Apache-2.0
using Dapper;
using Lifeboat.Contracts.Api;
using Lifeboat.Contracts.Sites;
using Lifeboat.Controller.Alerts;
using Lifeboat.Controller.FollowUps;
using Lifeboat.Controller.Pruning;
using Lifeboat.Controller.Runs;
using Lifeboat.Controller.ServiceLevels;
using Lifeboat.Controller.Storage;
using Lifeboat.Controller.Usage;
using Lifeboat.Controller.Watching;
using Lifeboat.Protection;
using Lifeboat.Protection.Plans;
using Lifeboat.Recovery.Runs;
using Microsoft.Extensions.Logging.Abstractions;

namespace Lifeboat.Tests.Controller;

public abstract partial class DatabaseConformance
{
    private static readonly DateTimeOffset Old = Now.AddDays(-2000);

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Old_runs_go_but_for_those_under_way_and_the_last_and_the_last_good_one_of_each_kind()
    {
        using var database = await OpenAsync();
        var runs = new RunStore(database, TimeProvider.System);
        var drills = new List<Run>();
        for (var i = 0; i < 6; i++)
            drills.Add(await EndedAsync(runs, RunKind.TestFailover, i, i < 3 ? RunState.Succeeded : RunState.Failed));
        var move = await EndedAsync(runs, RunKind.Failover, 10, RunState.RolledBack);
        var underWay = RunStoreConformance.NewRun("shop", 1) with { CreatedAt = Old.AddDays(20) };
        await runs.TryAddAsync(underWay, Ct);
        await runs.SignalAsync(drills[0].Id, RunSignal.Cancel, Ct);
        await runs.SignalAsync(drills[5].Id, RunSignal.Cancel, Ct);

        Assert.Equal(0, runs.Prune(Old, 100));
        Assert.Equal(2, runs.Prune(Now, 2));
        Assert.Equal(2, runs.Prune(Now, 100));
        Assert.Equal(0, runs.Prune(Now, 100));
        // The last good drill, the last drill, the only failover, and the one that has not ended.
        Assert.Equal([drills[2].Id, drills[5].Id, move.Id, underWay.Id], await LeftAsync());
        Assert.Equal(drills.Take(2).Select(d => d.Id).ToHashSet(),
            runs.Missing([.. drills.Take(3).Select(d => d.Id)]));
        Assert.False((await runs.SignalsAsync(drills[0].Id, Ct)).Cancel);
        Assert.True((await runs.SignalsAsync(drills[5].Id, Ct)).Cancel);

        // The one that was kept as the last of its kind is so no longer.
        await runs.SaveAsync(underWay with { State = RunState.Succeeded, FinishedAt = Old.AddDays(30) }, Tenure.Sole,
            Ct);
        Assert.Equal(2, runs.Prune(Now, 100));
        Assert.Equal([move.Id, underWay.Id], await LeftAsync());

        async Task<IEnumerable<Guid>> LeftAsync() =>
            (await runs.ListAsync("shop", Ct)).OrderBy(r => r.CreatedAt).Select(r => r.Id);
    }

    [Fact]
    public async Task Of_durations_of_a_step_the_newest_stay()
    {
        using var database = await OpenAsync();
        var runs = new RunStore(database, TimeProvider.System);
        for (var i = 0; i < 30; i++) await runs.AddDurationAsync("verify", "shop", TimeSpan.FromSeconds(i), Ct);
        await runs.AddDurationAsync("verify", "till", TimeSpan.FromSeconds(99), Ct);
        var before = await runs.DurationsAsync("verify", "shop", Ct);
        Assert.Equal(5, runs.PruneDurations(5));
        Assert.InRange(runs.PruneDurations(100), 1, 20);
        Assert.Equal(0, runs.PruneDurations(100));
        Assert.Equal(before, await runs.DurationsAsync("verify", "shop", Ct));
        Assert.Single(await runs.DurationsAsync("verify", "till", Ct));
    }

    [Fact]
    public async Task Who_resumes_behind_events_that_are_removed_is_told_so()
    {
        using var database = await OpenAsync();
        var log = new SiteEventStore(database);
        for (var i = 1; i <= 4; i++) log.Add([Line("run r", $"{i}", Old.AddHours(i), SiteEventKind.Run)]);
        log.Add([Line("group shop", "protected", Old, SiteEventKind.GroupState)]);
        for (var i = 6; i <= 8; i++) log.Add([Line("run s", $"{i}", Now, SiteEventKind.Run)]);
        Assert.Equal(0, log.Prune(Old, 100, 100));
        Assert.Equal(0, log.RemovedUpTo());
        Assert.Equal(3, log.Prune(Now.AddDays(-1), 100, 3));
        Assert.Equal(1, log.Prune(Now.AddDays(-1), 100, 100));
        Assert.Equal(4, log.RemovedUpTo());
        // What is so of a group stays: else it would be told as news.
        Assert.Equal(["protected", "6", "7", "8"], log.After(0, 100).Select(e => e.State));
        Assert.Equal(0, log.Add([Line("group shop", "protected", Now, SiteEventKind.GroupState)]));

        Assert.Equal(["removed", "protected", "6", "7", "8"], await FollowAsync(2, 5));
        Assert.Equal(["protected", "6", "7", "8"], await FollowAsync(4, 4));
        Assert.Equal(["7", "8"], await FollowAsync(6, 2));
        // However new they are: two are enough. The newest stays always.
        Assert.Equal(2, log.Prune(Old, 2, 100));
        Assert.Equal(1, log.Prune(Old, 0, 100));
        Assert.Equal(0, log.Prune(Now.AddDays(1), 0, 100));
        Assert.Equal(["removed", "8"], await FollowAsync(6, 2));

        async Task<IReadOnlyList<string>> FollowAsync(long after, int count)
        {
            var events = new SiteEvents(log, new AlertStore(database), new RunFeed(TimeProvider.System),
                TimeProvider.System, NullLogger<SiteEvents>.Instance);
            var seen = new List<SiteEvent>();
            await foreach (var one in events.FollowAsync(after, TimeSpan.FromMinutes(1), Ct))
            {
                seen.Add(one!);
                if (seen.Count == count) break;
            }
            if (seen[0].Kind is SiteEventKind.Removed) Assert.Equal(after, seen[0].Number);
            return [.. seen.Select(e => e.State)];
        }
    }

    [Fact]
    public async Task A_round_removes_what_was_kept_long_enough_and_nothing_that_is_open()
    {
        using var database = await OpenAsync();
        var runs = new RunStore(database, TimeProvider.System);
        var (first, second) = (await EndedAsync(runs, RunKind.TestFailover, 0, RunState.Succeeded),
            await EndedAsync(runs, RunKind.TestFailover, 1, RunState.Succeeded));
        Directory.CreateDirectory(Paths.Reports);
        var fresh = Guid.NewGuid();
        foreach (var id in new[] { first.Id, second.Id, fresh })
            foreach (var end in new[] { "json", "html" })
            {
                var file = Path.Combine(Paths.Reports, $"{id}.{end}");
                File.WriteAllText(file, "{}");
                if (id != fresh) File.SetLastWriteTimeUtc(file, Old.UtcDateTime);
            }
        var alerts = new AlertStore(database);
        alerts.Save([("1", Raised(Old)), ("2", Raised(Old, Old)), ("3", Raised(Old, Now)), ("4", Raised(Now, Now))]);
        var followUps = new FollowUpStore(database, TimeProvider.System);
        for (var i = 0; i < 3; i++)
        {
            followUps.Note("quiesce", "shop", Old.AddDays(i), ReasonCode.LinkDown, null, "look");
            if (i == 2) break;
            followUps.Close(followUps.All(closed: false)[0].Id, "seen");
        }
        Fill(database);
        var audit = SealedStores.Audit(database);
        audit.Add(Old, "local", "POST", "/v1/groups", "ok", null);

        var pruning = new RecordPruning(runs, Paths, new SiteEventStore(database), alerts,
            new AlertDeliveries(database), followUps, new OperationStore(database), new RequestKeyStore(database),
            new TokenStore(database, SealedStores.Key), new EvacuationStore(database),
            new LevelLedger(database, runs, TimeProvider.System),
            new UsageLedger(database), new HeldLeases(), RecordRetention.Default, new FixedTime(Now),
            NullLogger<RecordPruning>.Instance);
        var removed = await pruning.PruneAsync(Ct);
        Assert.Equal(["alert deliveries 1", "alerts 1", "events 1", "idempotency keys 1", "operations 1",
            "pairing tokens 1", "reports 2", "runs 1", "service levels 1", "usage 2"],
            removed.Where(r => r.Key != "follow-ups").Select(r => $"{r.Key} {r.Value}").Order());
        // Closed just now by this machine's clock.
        Assert.DoesNotContain("follow-ups", removed.Keys);
        Assert.Equal(2, followUps.Prune(DateTimeOffset.MaxValue, 10));
        Assert.Single(followUps.All(closed: true));
        Assert.Equal(3, alerts.List(over: true, null, 10).Count);
        Assert.Equal(new[] { $"{fresh}.html", $"{fresh}.json", $"{second.Id}.html", $"{second.Id}.json" }.Order(),
            Directory.GetFiles(Paths.Reports).Select(f => Path.GetFileName(f)!).Order());
        Assert.Single(audit.Newest(10));
        Assert.Empty(await pruning.PruneAsync(Ct));
    }

    [Fact]
    public async Task Records_from_before_retention_are_kept_by_the_same_rules()
    {
        var open = await EmptyAsync();
        var run = RunStoreConformance.NewRun("shop", 1) with
        {
            CreatedAt = Old, State = RunState.Succeeded, FinishedAt = Old.AddMinutes(1),
        };
        using (var database = open(false))
        using (var connection = database.Open())
        using (var change = database.BeginSchemaChange(connection))
        {
            var before = Schema.Steps.ToList().FindIndex(s => s.Sqlite.Contains("ADD COLUMN good"));
            foreach (var step in Schema.Steps.Take(before))
                connection.Execute(database.TextOf(step), transaction: change);
            foreach (var (id, n) in new[] { ("a", 1), ("b", 2) })
                connection.Execute("""
                    INSERT INTO runs(id, name, created_at, finished, body) VALUES(@id, 'shop', @n, 1, @body)
                    """, new { id, n, body = StoredJson.Write(run) }, change);
            for (var i = 7; i <= 9; i++)
                connection.Execute("""
                    INSERT INTO site_events(number, at, about, now_so, kind, state, reason, body)
                    VALUES(@i, 1, 'run r', 'x', 4, 'x', 0, 'x')
                    """, new { i }, change);
            database.SetSchemaVersion(connection, change, before);
            change.Commit();
        }
        using var now = open(true);
        Assert.Equal(6, new SiteEventStore(now).RemovedUpTo());
        Assert.Equal(1, new RunStore(now, TimeProvider.System).Prune(Now, 10));
        using var look = now.Open();
        Assert.Equal(("b", "test-failover", 1L),
            look.QuerySingle<(string, string, long)>("SELECT id, kind, good FROM runs"));
    }

    private static async Task<Run> EndedAsync(RunStore runs, RunKind kind, int day, RunState state)
    {
        var run = RunStoreConformance.NewRun("shop", 1) with
        {
            Id = Guid.CreateVersion7(Old.AddDays(day)), Kind = kind, CreatedAt = Old.AddDays(day), State = state,
            FinishedAt = Old.AddDays(day).AddMinutes(1),
        };
        await runs.TryAddAsync(run, Ct);
        return run;
    }

    private static SiteEventStore.Line Line(string about, string state, DateTimeOffset at, SiteEventKind kind) =>
        new(about, state, new SiteEvent(0, at, kind, null, "shop", null, state, ReasonCode.None, ""));

    private static Alert Raised(DateTimeOffset at, DateTimeOffset? closed = null) => new()
    {
        Id = Guid.NewGuid(), Kind = AlertKind.RpoMissed, Severity = AlertSeverity.Critical,
        Reason = ReasonCode.LinkDown, Site = "a", Subject = "shop", Summary = "behind", Advice = "look", Since = at,
        LastSeen = at, ClosedAt = closed,
    };

    // One old row that goes and one that stays, of each.
    private static void Fill(ControllerDatabase database)
    {
        var log = new SiteEventStore(database);
        log.Add([Line("run r", "1", Old, SiteEventKind.Run)]);
        log.Add([Line("run r", "2", Now, SiteEventKind.Run)]);
        var operations = new OperationStore(database);
        foreach (var touched in new[] { Old, Now })
            operations.Save(new KeptOperation("local", "me", touched, new Operation(Guid.NewGuid(), "POST /v1/groups",
                null, OperationState.Running, Old, null, null, null, null, null)));
        var keys = new RequestKeyStore(database);
        keys.TryBegin("local", "old", "f", "me", Old);
        keys.TryBegin("local", "new", "f", "me", Now);
        var tokens = new TokenStore(database, SealedStores.Key);
        tokens.Add("old", "h", Old);
        tokens.Add("new", "h", Now);
        using var connection = database.Open();
        foreach (var (state, id) in new[] { (1, "a"), (2, "b") })
            connection.Execute("INSERT INTO alert_deliveries VALUES(@id, 't', @state, 1, 1, '{}', '{}')",
                new { state, id });
        foreach (var at in new[] { Old, Now })
            connection.Execute("""
                INSERT INTO level_months VALUES('shop', @month, 1, 1);
                INSERT INTO usage_days VALUES('shop', 'acme', @day, 1, 1);
                INSERT INTO usage_drills VALUES('r', 'shop', 'acme', @day, 1)
                """, new { month = Slices.Month(at), day = Slices.Day(at) });
    }

    private sealed class FixedTime(DateTimeOffset now) : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => now;
    }
}
