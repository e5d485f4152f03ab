// SPDX-License-Identifier: Apache-2.0
using System.Data.Common;
using System.Text.Json;
using Dapper;
using Lifeboat.Protection.Plans;
using Lifeboat.Recovery.Runs;
using Polly;
using Polly.Retry;

namespace Lifeboat.Controller.Storage;

/// <summary>Runs in the controller's database. One row each; an index keeps one unfinished per group.</summary>
internal sealed partial class RunStore(ControllerDatabase database, TimeProvider time) : IRunStore
{
    private const int Sample = 9;

    // A run waits for its database as long as it is carried out: what a step did must be known before the next begins.
    private readonly ResiliencePipeline _patience = new ResiliencePipelineBuilder { TimeProvider = time }
        .AddRetry(new RetryStrategyOptions
        {
            ShouldHandle = new PredicateBuilder().Handle<Exception>(ControllerDatabase.IsUnavailable),
            MaxRetryAttempts = int.MaxValue,
            Delay = TimeSpan.FromMilliseconds(100),
            MaxDelay = TimeSpan.FromSeconds(1),
            BackoffType = DelayBackoffType.Exponential,
        }).Build();

    public async Task<Run?> TryAddAsync(Run run, CancellationToken ct) => (await KeepAsync(run, """
        INSERT INTO runs(id, name, created_at, finished, ended_at, request_key, kind, good, body)
        VALUES(@Id, @Group, @CreatedAt, @Finished, @EndedAt, @Key, @Kind, @Good, @Body)
        """, null)).Other;

    public async Task<Run?> TryReopenAsync(Run run, RunState from, CancellationToken ct)
    {
        while (true)
        {
            var before = await BodyAsync(run.Id);
            if (StoredJson.Read<Run>(before) is var now && now.State != from) return now;
            var (other, kept) = await KeepAsync(run, Update + " AND body = @Before", before);
            if (other is not null || kept) return other;
        }
    }

    // Said twice it is the same: a commit whose answer was lost is simply repeated.
    public async Task<bool> SaveAsync(Run run, Tenure tenure, CancellationToken ct) =>
        await _patience.ExecuteAsync(async _ => await SaveOnceAsync(run, tenure), ct);

    public async Task<Run?> FindAsync(Guid id, CancellationToken ct) =>
        (await QueryAsync("WHERE id = @id", new { id = id.ToString() })).SingleOrDefault();

    public async Task<Run?> FindByKeyAsync(string group, string idempotencyKey, CancellationToken ct) =>
        (await QueryAsync("WHERE name = @group AND request_key = @idempotencyKey", new { group, idempotencyKey }))
        .SingleOrDefault();

    public Task<IReadOnlyList<Run>> ListAsync(string? group, CancellationToken ct) => ListAsync(group, null, ct);

    /// <param name="tenant">Only runs of this tenant's groups; null: of all.</param>
    public async Task<IReadOnlyList<Run>> ListAsync(string? group, string? tenant, CancellationToken ct) =>
        await QueryAsync($"""
            WHERE (@group IS NULL OR name = @group) AND {TenantRows.Are("name")}
            ORDER BY created_at DESC, id DESC LIMIT 500
            """, new { group, tenant });

    public async Task<IReadOnlyList<Run>> UnfinishedAsync(CancellationToken ct) =>
        await QueryAsync("WHERE finished = 0 ORDER BY created_at, id", new { });

    public async Task<IReadOnlyList<Run>> EndedSinceAsync(string? group, DateTimeOffset moment,
        CancellationToken ct) => await QueryAsync("WHERE (@group IS NULL OR name = @group) AND ended_at >= @since",
            new { group, since = moment.ToUnixTimeMilliseconds() });

    public async Task SignalAsync(Guid id, RunSignal signal, CancellationToken ct)
    {
        using var connection = database.Open();
        await connection.ExecuteAsync(
            "INSERT INTO run_signals(run, signal) VALUES(@id, @signal) ON CONFLICT(run, signal) DO NOTHING",
            new { id = id.ToString(), signal = (int)signal });
    }

    public async Task<RunSignals> SignalsAsync(Guid id, CancellationToken ct)
    {
        using var connection = database.Open();
        var signals = await connection.QueryAsync<long>("SELECT signal FROM run_signals WHERE run = @id",
            new { id = id.ToString() });
        var set = signals.Select(s => (RunSignal)s).ToHashSet();
        return new RunSignals(set.Contains(RunSignal.Cancel), set.Contains(RunSignal.Release));
    }

    public async Task AddDurationAsync(string step, string group, TimeSpan duration, CancellationToken ct) =>
        await _patience.ExecuteAsync(async _ =>
        {
            using var connection = database.Open();
            await connection.ExecuteAsync(
                "INSERT INTO step_durations(step, name, ticks) VALUES(@step, @group, @ticks)",
                new { step, group, ticks = duration.Ticks });
        }, ct);

    public async Task<IReadOnlyList<TimeSpan>> DurationsAsync(string step, string group, CancellationToken ct)
    {
        using var connection = database.Open();
        var mine = await TicksAsync(connection, "step = @step AND name = @group", step, group);
        var ticks = mine.Count > 0 ? mine : await TicksAsync(connection, "step = @step", step, group);
        return [.. ticks.Select(TimeSpan.FromTicks)];
    }

    private const string Update = """
        UPDATE runs SET finished = @Finished, ended_at = @EndedAt, kind = @Kind, good = @Good, body = @Body
        WHERE id = @Id
        """;

    private static async Task<List<long>> TicksAsync(DbConnection connection, string where, string step,
        string group) => [.. await connection.QueryAsync<long>($"""
            SELECT ticks FROM step_durations WHERE {where} ORDER BY number DESC LIMIT {Sample}
            """, new { step, group })];

    // The lease's row is written in the same transaction: whoever takes the lease over waits for this write and reads
    // it, or was first, and then this write is refused.
    private async Task<bool> SaveOnceAsync(Run run, Tenure tenure)
    {
        using var connection = database.Open();
        using var transaction = await connection.BeginTransactionAsync();
        if (!tenure.IsSole && await connection.ExecuteAsync("""
            UPDATE leases SET writes = writes + 1 WHERE name = @Lease AND holder = @Holder AND term = @Term
            """, new { tenure.Lease, tenure.Holder, tenure.Term }, transaction) == 0) return false;
        await connection.ExecuteAsync(Update, Row(run), transaction);
        await transaction.CommitAsync();
        return true;
    }

    private async Task<string> BodyAsync(Guid run)
    {
        using var connection = database.Open();
        return await connection.QuerySingleAsync<string>("SELECT body FROM runs WHERE id = @id", new { id = $"{run}" });
    }

    /// <param name="before">The body that the row is to have still; null: there is to be none.</param>
    private async Task<(Run? Other, bool Kept)> KeepAsync(Run run, string sql, string? before)
    {
        using var connection = database.Open();
        try
        {
            return (null, await connection.ExecuteAsync(sql, Row(run, before)) == 1);
        }
        catch (DbException e) when (database.IsDuplicate(e))
        {
            var other = await QueryAsync("WHERE name = @Group AND finished = 0", new { run.Group });
            return (other.SingleOrDefault() ?? throw new InvalidOperationException("the run in the way is gone", e),
                false);
        }
    }

    private async Task<List<Run>> QueryAsync(string where, object parameters)
    {
        using var connection = database.Open();
        var bodies = await connection.QueryAsync<string>($"SELECT body FROM runs {where}", parameters);
        return [.. bodies.Select(StoredJson.Read<Run>)];
    }

    private static object Row(Run run, string? before = null) => new
    {
        Id = run.Id.ToString(),
        run.Group,
        CreatedAt = run.CreatedAt.ToUnixTimeMilliseconds(),
        Finished = run.Finished ? 1 : 0,
        EndedAt = run.Finished ? run.FinishedAt?.ToUnixTimeMilliseconds() : null,
        Key = run.Input.IdempotencyKey,
        Kind = JsonNamingPolicy.KebabCaseLower.ConvertName(run.Kind.ToString()),
        Good = run.State is RunState.Succeeded or RunState.SucceededWithWarnings ? 1 : 0,
        Body = StoredJson.Write(run),
        Before = before,
    };
}
