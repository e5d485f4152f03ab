// SPDX-License-Identifier: Apache-2.0
using Dapper;
using Lifeboat.Controller.Leases;
using Lifeboat.Controller.Storage;
using Lifeboat.Recovery.Runs;
using Microsoft.Extensions.Logging.Abstractions;

namespace Lifeboat.Tests.Controller;

/// <summary>Several controllers over one database, stepped by hand; each engine inherits it.</summary>
public abstract class LeasesConformance : IAsyncLifetime
{
    private static readonly string[] Names = [.. Enumerable.Range(0, 20).Select(i => LeaseName.Group($"g{i}"))];
    private ControllerDatabase _database = null!;

    private protected abstract Task<ControllerDatabase> OpenAsync();

    public async ValueTask InitializeAsync() => _database = await OpenAsync();

    [Fact]
    public void One_controller_holds_all_that_it_asks_for_and_nothing_else()
    {
        var a = Start("a");
        Assert.Empty(Held(a));
        a.Round();
        Assert.Equal(Names, Held(a));
        Assert.Equal(Names.Length, a.Gained);
        Assert.False(a.TryHold("another"));
        a.Round();
        Assert.True(a.TryHold("another"));
    }

    [Fact]
    public void A_second_controller_gets_about_its_share_and_no_lease_has_two_holders()
    {
        var time = new SteppedTime();
        var (a, b) = (Start("a", time), Start("b", time));
        Held(a);
        a.Round();
        for (var i = 0; i < 4; i++)
        {
            time.Step(TimeSpan.FromSeconds(2));
            Held(b);
            b.Round();
            a.Round();
            Assert.Empty(Held(a).Intersect(Held(b)));
        }
        Assert.InRange(Held(b).Count, 8, 12);
        Assert.Equal(Names.Length, Held(a).Count + Held(b).Count);
    }

    [Fact]
    public void A_lease_whose_group_has_a_run_under_way_stays_where_it_is()
    {
        var (a, b) = (Start("a"), Start("b"));
        Held(a);
        a.Round();
        using (var connection = _database.Open())
            foreach (var name in Names)
                connection.Execute("""
                    INSERT INTO runs(id, name, created_at, finished, body) VALUES(@name, @group, 1, 0, '{}')
                    """, new { name, group = name["group/".Length..] });
        Held(b);
        b.Round();
        a.Round();
        b.Round();
        Assert.Equal(Names, Held(a));
    }

    [Fact]
    public async Task What_a_dead_controller_held_goes_to_the_living_and_its_writes_are_refused()
    {
        var (a, b) = (Start("a"), Start("b"));
        Held(a);
        a.Round();
        var old = a.Hold(Names[0])!;
        Kill("a");
        Held(b);
        b.Round();
        Assert.Equal(Names, Held(b));
        var next = b.Hold(Names[0])!;
        Assert.Equal(old.Term + 1, next.Term);
        // It does not know yet, as a process that was stopped does not.
        Assert.True(old.Holds);
        var run = RunStoreConformance.NewRun("g0", 1);
        var runs = new RunStore(_database, TimeProvider.System);
        await runs.TryAddAsync(run, default);
        Assert.False(await runs.SaveAsync(run, old, default));
        Assert.True(await runs.SaveAsync(run, next, default));
        a.Round();
        Assert.Empty(Held(a));
        Assert.True(old.Over.IsCancellationRequested);
        Assert.Throws<OperationCanceledException>(old.ThrowIfOver);
    }

    [Fact]
    public void A_controller_whose_clock_ran_on_holds_nothing_until_it_has_taken_it_anew()
    {
        var time = new SteppedTime();
        var a = Start("a", time);
        Held(a);
        a.Round();
        var old = a.Hold(Names[0])!;
        time.Step(DatabaseLeases.Life);
        Assert.False(old.Holds);
        Assert.Null(a.Hold(Names[0]));
        a.Round();
        Assert.True(old.Over.IsCancellationRequested);
        Assert.Equal(old.Term + 1, a.Hold(Names[0])!.Term);
    }

    [Fact]
    public async Task One_that_stops_gives_everything_back_at_once()
    {
        var (a, b) = (Start("a"), Start("b"));
        Held(a);
        a.Round();
        await a.StopAsync(default);
        Held(b);
        b.Round();
        Assert.Equal(Names, Held(b));
        Assert.Empty(Held(a));
    }

    [Fact]
    public void What_nobody_asks_for_any_more_is_given_back()
    {
        var time = new SteppedTime();
        var a = Start("a", time);
        Held(a);
        a.Round();
        time.Step(TimeSpan.FromMinutes(2));
        a.TryHold(Names[0]);
        a.Round();
        using var connection = _database.Open();
        Assert.Equal([Names[0]], connection.Query<string>("SELECT name FROM leases WHERE holder LIKE 'a/%'"));
    }

    public virtual ValueTask DisposeAsync()
    {
        _database.Dispose();
        GC.SuppressFinalize(this);
        return ValueTask.CompletedTask;
    }

    private DatabaseLeases Start(string name, TimeProvider? time = null) => new(_database,
        new ControllerName(name, "https://127.0.0.1:1"), time ?? TimeProvider.System,
        NullLogger<DatabaseLeases>.Instance);

    private static List<string> Held(DatabaseLeases leases) => [.. Names.Where(leases.TryHold)];

    private void Kill(string name)
    {
        using var connection = _database.Open();
        connection.Execute("UPDATE controllers SET expires_at = 0 WHERE name = @name", new { name });
    }

    /// <summary>The machine's clock, some steps ahead; its timers never fire, as those of a stopped process.</summary>
    private sealed class SteppedTime : TimeProvider
    {
        private long _ahead;

        public void Step(TimeSpan step) => _ahead += (long)(step.TotalSeconds * System.TimestampFrequency);

        public override long GetTimestamp() => System.GetTimestamp() + _ahead;

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
            System.CreateTimer(_ => { }, null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }
}

public sealed class SqliteLeasesConformance : LeasesConformance
{
    private readonly string _directory = Directory.CreateTempSubdirectory("lb-lease").FullName;

    private protected override Task<ControllerDatabase> OpenAsync() =>
        Task.FromResult<ControllerDatabase>(new SqliteDatabase(Path.Combine(_directory, "controller.db")));

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        Directory.Delete(_directory, recursive: true);
    }
}

public sealed class PostgresLeasesConformance(PostgresFixture postgres) : LeasesConformance
{
    private protected override async Task<ControllerDatabase> OpenAsync() => new PostgresDatabase(
        PostgresSettings.Read(await postgres.EmptyAsync(), null), TimeProvider.System);
}
