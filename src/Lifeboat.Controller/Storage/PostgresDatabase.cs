// SPDX-License-Identifier: Apache-2.0
using System.Data;
using System.Data.Common;
using Dapper;
using Lifeboat.Contracts;
using Lifeboat.Protection;
using Npgsql;
using Polly;
using Polly.Retry;

namespace Lifeboat.Controller.Storage;

/// <summary>A PostgreSQL database (15 or later) that several controllers of a site share.</summary>
internal sealed class PostgresDatabase : ControllerDatabase
{
    // First half of the key of the lock that migrations take; the second is the schema's name.
    private const int MigrationLock = 7401;
    // A pooled connection does not know that its server was restarted until it is used.
    private static readonly TimeSpan LookEvery = TimeSpan.FromMilliseconds(200);

    private readonly NpgsqlDataSource _source;
    private readonly ResiliencePipeline _patience;
    private readonly LockRows _locks;
    private readonly TimeProvider _time;
    private long _looked;

    /// <summary>Connects and brings the schema forward.</summary>
    /// <exception cref="ProblemException">
    /// DatabaseUnavailable: no server answers; InvalidRequest: it refuses this user or database; Conflict: a newer
    /// version of Lifeboat wrote it.
    /// </exception>
    public PostgresDatabase(NpgsqlConnectionStringBuilder settings, TimeProvider time, bool migrate = true)
    {
        _time = time;
        Place = $"{settings.Database} of {settings.Username} at {settings.Host}:{settings.Port}";
        _source = new NpgsqlDataSourceBuilder(settings.ToString()).Build();
        _locks = new LockRows(this, time);
        _patience = new ResiliencePipelineBuilder { TimeProvider = time }.AddRetry(new RetryStrategyOptions
        {
            ShouldHandle = new PredicateBuilder().Handle<NpgsqlException>(e => e.IsTransient),
            MaxRetryAttempts = 3,
            Delay = TimeSpan.FromMilliseconds(50),
            BackoffType = DelayBackoffType.Exponential,
        }).Build();
        try
        {
            using (Open()) { }
            if (migrate) Migration.Run(this);
        }
        catch (PostgresException e)
        {
            Dispose();
            throw new ProblemException(ReasonCode.InvalidRequest, $"the database {Place} cannot be used",
                $"{e.SqlState}: {e.MessageText}. The user needs a database where it may create tables.", cause: e);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public override string Engine => "PostgreSQL";
    public override string Place { get; }
    public override bool IsShared => true;
    public override string Now => "CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)";

    public override DbConnection Open()
    {
        try
        {
            return _patience.Execute(Connect);
        }
        catch (NpgsqlException e) when (e.IsTransient)
        {
            throw new ProblemException(ReasonCode.DatabaseUnavailable, $"the database {Place} does not answer",
                e.InnerException?.Message ?? e.Message, cause: e);
        }
    }

    public override async Task<IDisposable?> LockAsync(string name, CancellationToken ct) =>
        await _locks.LockAsync(name, ct);

    public override bool TryLock(string name, out IDisposable? held)
    {
        held = _locks.TryLock(name);
        return held is not null;
    }

    public override void Fence(DbConnection connection, DbTransaction transaction, string name) =>
        _locks.Fence(connection, transaction, name);

    public override bool IsDuplicate(DbException e) =>
        e is PostgresException { SqlState: PostgresErrorCodes.UniqueViolation };

    public override DbTransaction BeginReading(DbConnection connection)
    {
        var transaction = connection.BeginTransaction(IsolationLevel.RepeatableRead);
        connection.Execute("SET TRANSACTION READ ONLY", transaction: transaction);
        return transaction;
    }

    public override DbTransaction BeginSchemaChange(DbConnection connection)
    {
        var transaction = connection.BeginTransaction();
        connection.Execute("SELECT pg_advisory_xact_lock(@MigrationLock, hashtext(current_schema()))",
            new { MigrationLock }, transaction);
        return transaction;
    }

    // Not by to_regclass: it may remember, until the session locks a table, that there was none.
    public override long SchemaVersion(DbConnection connection, DbTransaction? transaction) =>
        connection.ExecuteScalar<bool>("""
            SELECT EXISTS(SELECT 1 FROM information_schema.tables
                WHERE table_schema = current_schema() AND table_name = 'schema_version')
            """, transaction: transaction)
            ? connection.ExecuteScalar<long>("SELECT version FROM schema_version", transaction: transaction) : 0;

    public override void SetSchemaVersion(DbConnection connection, DbTransaction transaction, long version) =>
        connection.Execute("""
            CREATE TABLE IF NOT EXISTS schema_version(one BOOLEAN PRIMARY KEY CHECK(one), version BIGINT NOT NULL);
            INSERT INTO schema_version(one, version) VALUES(TRUE, @version)
            ON CONFLICT(one) DO UPDATE SET version = excluded.version
            """, new { version }, transaction);

    public override string TextOf(SchemaStep step) => step.Postgres;

    public override IReadOnlyList<string> Tables(DbConnection connection, DbTransaction? transaction) =>
        [.. connection.Query<string>("""
            SELECT table_name::text FROM information_schema.tables WHERE table_schema = current_schema()
            AND table_type = 'BASE TABLE' AND table_name <> 'schema_version' ORDER BY table_name COLLATE "C"
            """, transaction: transaction)];

    public override IReadOnlyList<string> Columns(DbConnection connection, DbTransaction? transaction, string table) =>
        [.. connection.Query<string>("""
            SELECT column_name::text FROM information_schema.columns
            WHERE table_schema = current_schema() AND table_name = @table ORDER BY ordinal_position
            """, new { table }, transaction)];

    public override void ResumeNumbers(DbConnection connection, DbTransaction transaction)
    {
        var numbered = connection.Query<(string Table, string Column)>("""
            SELECT table_name::text, column_name::text FROM information_schema.columns
            WHERE table_schema = current_schema() AND is_identity = 'YES'
            """, transaction: transaction).ToList();
        foreach (var (table, column) in numbered)
            connection.Execute($"""
                SELECT setval(pg_get_serial_sequence('{table}', '{column}'),
                    (SELECT coalesce(max({column}), 0) + 1 FROM {table}), false)
                """, transaction: transaction);
    }

    // What the server stores it checks itself when it reads (data checksums); all that there is is read.
    public override IReadOnlyList<string> IntegrityFaults(DbConnection connection)
    {
        var faults = new List<string>();
        foreach (var table in Tables(connection, null))
        {
            try
            {
                connection.Execute($"SELECT count(t.*) FROM {table} t", commandTimeout: 0);
            }
            catch (PostgresException e)
            {
                faults.Add($"table {table} cannot be read: {e.SqlState} {e.MessageText}");
            }
        }
        return faults;
    }

    public override void Dispose()
    {
        _locks.Dispose();
        _source.Dispose();
    }

    private NpgsqlConnection Connect()
    {
        var connection = _source.OpenConnection();
        var last = Interlocked.Read(ref _looked);
        if (last != 0 && _time.GetElapsedTime(last) < LookEvery) return connection;
        try
        {
            connection.Execute("SELECT 1", commandTimeout: 3);
            Interlocked.Exchange(ref _looked, _time.GetTimestamp());
            return connection;
        }
        catch (NpgsqlException)
        {
            connection.Dispose();
            // The others of the pool are as old.
            _source.Clear();
            throw;
        }
    }
}
