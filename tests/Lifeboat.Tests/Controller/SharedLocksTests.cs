// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;
using Lifeboat.Controller.Storage;
using Lifeboat.Protection;
using Npgsql;

namespace Lifeboat.Tests.Controller;

/// <summary>Locks of controllers that share a PostgreSQL, each with a connection pool of its own.</summary>
public sealed class SharedLocksTests(PostgresFixture postgres) : IDisposable
{
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(5);
    private readonly string _directory = Directory.CreateTempSubdirectory("lb-locks").FullName;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Locks_and_those_who_wait_for_them_keep_no_connection()
    {
        var settings = await SettingsAsync();
        settings.MaxPoolSize = 3;
        using var a = Open(settings);
        using var b = Open(settings);
        string[] names = [.. Enumerable.Range(0, 12).Select(i => $"g{i}")];
        var held = new List<IDisposable>();
        foreach (var name in names) held.Add((await a.LockAsync(name, Ct))!);
        var waiting = names.Select(n => b.LockAsync(n, Ct)).ToList();
        foreach (var database in new[] { a, b })
            new GroupStore(database, Files).Save(DatabaseConformance.Record("other", 1));
        Assert.False(b.TryLock(names[0], out _));
        Assert.DoesNotContain(waiting, w => w.IsCompleted);
        foreach (var one in held) one.Dispose();
        foreach (var one in await Task.WhenAll(waiting).WaitAsync(Soon, Ct)) one!.Dispose();
        Assert.True(a.TryLock(names[0], out var again));
        again!.Dispose();
    }

    [Fact]
    public async Task A_lock_is_not_lost_with_its_connections_and_who_lost_one_writes_nothing_more()
    {
        var settings = await SettingsAsync();
        using var alive = Open(settings);
        using var halted = Open(settings, new HaltedTime());
        using var next = Open(settings);
        using var kept = await alive.LockAsync("kept", Ct);
        using var lost = await halted.LockAsync("shop", Ct);
        var late = new GroupStore(halted, Files);
        var lateSpecs = new SpecStore(halted, Files);
        late.Save(DatabaseConformance.Record("shop", 1));
        await postgres.CutOffAsync(settings.Database!);

        using (await next.LockAsync("shop", Ct).WaitAsync(Soon, Ct))
        {
            Assert.False(next.TryLock("kept", out _));
            Refused(() => late.Save(DatabaseConformance.Record("shop", 2)));
            Refused(() => lateSpecs.SaveReplica(DatabaseConformance.Replica("shop")));
            Refused(() => lateSpecs.RemoveReplica("shop"));
            late.Save(DatabaseConformance.Record("till", 1));
            new GroupStore(next, Files).Save(DatabaseConformance.Record("shop", 3));
            // Late, it lets go of what is another's by now.
            lost!.Dispose();
            Assert.False(halted.TryLock("shop", out _));
        }
        Assert.Equal(3, late.Find("shop")!.Definition.Version);
        Assert.True(halted.TryLock("shop", out var again));
        late.Save(DatabaseConformance.Record("shop", 4));
        again!.Dispose();
    }

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    private GroupFiles Files => new(new SitePaths(_directory));

    private async Task<NpgsqlConnectionStringBuilder> SettingsAsync() =>
        PostgresSettings.Read(await postgres.EmptyAsync(), null);

    private static PostgresDatabase Open(NpgsqlConnectionStringBuilder settings, TimeProvider? time = null) =>
        new(settings, time ?? TimeProvider.System);

    private static void Refused(Action write) =>
        Assert.Equal(ReasonCode.DatabaseUnavailable, Assert.Throws<ProblemException>(write).Reason);

    /// <summary>What is to happen again and again does not happen, as in a process that was stopped.</summary>
    private sealed class HaltedTime : TimeProvider
    {
        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
            period == Timeout.InfiniteTimeSpan ? System.CreateTimer(callback, state, dueTime, period)
                : System.CreateTimer(_ => { }, null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }
}
