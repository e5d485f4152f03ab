// SPDX-License-Identifier: Apache-2.0
using System.Text.Json;
using Lifeboat.Controller.Storage;
using Lifeboat.Protection.Plans;
using Lifeboat.Recovery.Runs;
using Lifeboat.Testing.Recovery;
using Lifeboat.Tests.Recovery;

namespace Lifeboat.Tests.Controller;

/// <summary>What the runner relies on; each store inherits it.</summary>
public abstract class RunStoreConformance
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    protected abstract Task<IRunStore> OpenAsync();

    [Fact]
    public async Task A_run_is_read_back_as_it_was_saved()
    {
        var store = await OpenAsync();
        var run = NewRun("shop", 1);
        Assert.Null(await store.TryAddAsync(run, Ct));
        var changed = run with
        {
            State = RunState.Running,
            Steps = [run.Steps[0] with { State = StepState.Warned, Attempts = 2, Warnings = ["w"], Evidence = ["e"] }],
        };
        changed = changed.WithOutput(new Lifeboat.Recovery.Steps.Resyncs([]));
        Assert.True(await store.SaveAsync(changed, Tenure.Sole, Ct));
        var read = await store.FindAsync(run.Id, Ct);
        Assert.Equal(JsonSerializer.Serialize(changed, RunJson.Options),
            JsonSerializer.Serialize(read, RunJson.Options));
        Assert.Null(await store.FindAsync(Guid.NewGuid(), Ct));
    }

    [Fact]
    public async Task A_group_has_one_unfinished_run()
    {
        var store = await OpenAsync();
        var first = NewRun("shop", 1);
        Assert.Null(await store.TryAddAsync(first, Ct));
        Assert.Equal(first.Id, (await store.TryAddAsync(NewRun("shop", 2), Ct))?.Id);
        Assert.Null(await store.TryAddAsync(NewRun("other", 3), Ct));
        Assert.Equal(2, (await store.UnfinishedAsync(Ct)).Count);
        Assert.True(await store.SaveAsync(Finished(first), Tenure.Sole, Ct));
        Assert.Null(await store.TryAddAsync(NewRun("shop", 4), Ct));
        Assert.Equal(["shop", "shop"], (await store.ListAsync("shop", Ct)).Select(r => r.Group));
        Assert.Equal(3, (await store.ListAsync(null, Ct)).Count);
    }

    [Fact]
    public async Task A_finished_run_is_reopened_only_when_no_other_is_under_way()
    {
        var store = await OpenAsync();
        var first = NewRun("shop", 1);
        await store.TryAddAsync(first, Ct);
        Assert.True(await store.SaveAsync(Finished(first), Tenure.Sole, Ct));
        var second = NewRun("shop", 2);
        await store.TryAddAsync(second, Ct);
        Assert.Equal(second.Id, (await store.TryReopenAsync(first, Finished(first).State, Ct))?.Id);
        Assert.True((await store.FindAsync(first.Id, Ct))!.Finished);
        Assert.True(await store.SaveAsync(Finished(second), Tenure.Sole, Ct));
        // Of many who take it up at one moment one does, and the others are shown what is there now.
        var taken = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(
            () => store.TryReopenAsync(first, Finished(first).State, Ct))));
        Assert.Equal(7, taken.OfType<Run>().Count(r => r.Id == first.Id && r.State == first.State));
        Assert.False((await store.FindAsync(first.Id, Ct))!.Finished);
    }

    [Fact]
    public async Task What_ended_since_a_moment_is_found_also_when_it_was_reopened_in_between()
    {
        var store = await OpenAsync();
        var (first, second) = (NewRun("shop", 1), NewRun("other", 2));
        await store.TryAddAsync(first, Ct);
        await store.TryAddAsync(second, Ct);
        await store.SaveAsync(Finished(first), Tenure.Sole, Ct);
        var end = Finished(first).FinishedAt!.Value;
        Assert.Equal(first.Id, Assert.Single(await store.EndedSinceAsync(null, end, Ct)).Id);
        Assert.Equal(first.Id, Assert.Single(await store.EndedSinceAsync("shop", end, Ct)).Id);
        Assert.Empty(await store.EndedSinceAsync("other", end, Ct));
        Assert.Empty(await store.EndedSinceAsync(null, end.AddMilliseconds(1), Ct));
        await store.TryReopenAsync(first, Finished(first).State, Ct);
        Assert.Empty(await store.EndedSinceAsync(null, end, Ct));
        await store.SaveAsync(Finished(first) with { FinishedAt = end.AddHours(1) }, Tenure.Sole, Ct);
        Assert.Equal(first.Id, Assert.Single(await store.EndedSinceAsync(null, end.AddMilliseconds(1), Ct)).Id);
    }

    [Fact]
    public async Task A_run_is_found_by_the_key_of_its_request()
    {
        var store = await OpenAsync();
        var run = NewRun("shop", 1) with { Input = RunInput.None with { IdempotencyKey = "k1" } };
        await store.TryAddAsync(run, Ct);
        Assert.Equal(run.Id, (await store.FindByKeyAsync("shop", "k1", Ct))?.Id);
        Assert.Null(await store.FindByKeyAsync("other", "k1", Ct));
        Assert.Null(await store.FindByKeyAsync("shop", "k2", Ct));
    }

    [Fact]
    public async Task Signals_are_kept_apart_from_the_run()
    {
        var store = await OpenAsync();
        var run = NewRun("shop", 1);
        await store.TryAddAsync(run, Ct);
        Assert.Equal(new RunSignals(false, false), await store.SignalsAsync(run.Id, Ct));
        await store.SignalAsync(run.Id, RunSignal.Cancel, Ct);
        await store.SignalAsync(run.Id, RunSignal.Cancel, Ct);
        Assert.True(await store.SaveAsync(run, Tenure.Sole, Ct));
        Assert.Equal(new RunSignals(true, false), await store.SignalsAsync(run.Id, Ct));
    }

    [Fact]
    public async Task Durations_are_those_of_the_group_when_it_has_any()
    {
        var store = await OpenAsync();
        await store.AddDurationAsync("verify", "other", TimeSpan.FromSeconds(9), Ct);
        Assert.Equal([TimeSpan.FromSeconds(9)], await store.DurationsAsync("verify", "shop", Ct));
        await store.AddDurationAsync("verify", "shop", TimeSpan.FromSeconds(1), Ct);
        await store.AddDurationAsync("verify", "shop", TimeSpan.FromSeconds(2), Ct);
        Assert.Equal([TimeSpan.FromSeconds(2), TimeSpan.FromSeconds(1)],
            await store.DurationsAsync("verify", "shop", Ct));
        Assert.Empty(await store.DurationsAsync("commit", "shop", Ct));
    }

    internal static Run NewRun(string group, int order) => new()
    {
        Id = Guid.NewGuid(),
        Group = group,
        Kind = RunKind.TestFailover,
        Site = "b",
        State = RunState.Pending,
        Input = RunInput.None,
        Before = RecoveryWorld.Definition,
        CreatedAt = new DateTimeOffset(2026, 1, 1, 0, 0, order, TimeSpan.Zero),
        Versions = [],
        Steps =
        [
            new RunStep
            {
                Index = 0,
                Name = "close-view",
                Title = "close the view",
                Parameters = JsonSerializer.SerializeToElement(new { }, RunJson.Options),
            },
        ],
    };

    private static Run Finished(Run run) =>
        run with { State = RunState.Succeeded, FinishedAt = run.CreatedAt.AddMinutes(1) };
}

public sealed class InMemoryRunStoreConformance : RunStoreConformance
{
    protected override Task<IRunStore> OpenAsync() => Task.FromResult<IRunStore>(new InMemoryRunStore());
}

public sealed class SqliteRunStoreConformance : RunStoreConformance, IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("lb-store").FullName;

    protected override Task<IRunStore> OpenAsync() => Task.FromResult<IRunStore>(
        new RunStore(new SqliteDatabase(Path.Combine(_directory, "controller.db")), TimeProvider.System));

    public void Dispose() => Directory.Delete(_directory, recursive: true);
}

public sealed class PostgresRunStoreConformance(PostgresFixture postgres) : RunStoreConformance
{
    protected override async Task<IRunStore> OpenAsync() => new RunStore(
        new PostgresDatabase(PostgresSettings.Read(await postgres.EmptyAsync(), null), TimeProvider.System),
        TimeProvider.System);
}
