// SPDX-License-Identifier: Apache-2.0
using System.Data.Common;
using Dapper;
using Lifeboat.Contracts;
using Microsoft.Data.Sqlite;

namespace Lifeboat.Controller.Storage;

/// <summary>A SQLite file (WAL, synchronous=FULL): one controller, nothing to set up.</summary>
internal sealed class SqliteDatabase : ControllerDatabase
{
    private const int Constraint = 19;
    private readonly string _connection;
    private readonly string _path;

    /// <summary>Opens the file and brings its schema forward.</summary>
    /// <exception cref="ProblemException">Conflict: a newer version of Lifeboat wrote it.</exception>
    public SqliteDatabase(string path) : this(path, migrate: true) { }

    /// <param name="migrate">False: as it is, to look at or to fill.</param>
    public SqliteDatabase(string path, bool migrate)
    {
        _path = path;
        _connection = new SqliteConnectionStringBuilder
        {
            DataSource = path,
            Mode = SqliteOpenMode.ReadWriteCreate,
            DefaultTimeout = 30,
        }.ToString();
        using (var connection = Open()) connection.Execute("PRAGMA journal_mode=WAL");
        if (migrate) Migration.Run(this);
    }

    public override string Engine => "SQLite";
    public override string Place => _path;
    public override bool IsShared => false;
    public override string Now => "CAST(unixepoch('subsec') * 1000 AS INTEGER)";

    public override DbConnection Open()
    {
        var connection = new SqliteConnection(_connection);
        connection.Open();
        connection.Execute("PRAGMA synchronous=FULL");
        return connection;
    }

    // The one process of the site takes care of its threads itself.
    public override Task<IDisposable?> LockAsync(string name, CancellationToken ct) =>
        Task.FromResult<IDisposable?>(null);

    public override bool TryLock(string name, out IDisposable? held)
    {
        held = null;
        return true;
    }

    public override void Fence(DbConnection connection, DbTransaction transaction, string name) { }

    public override bool IsDuplicate(DbException e) => e is SqliteException { SqliteErrorCode: Constraint };

    public override DbTransaction BeginReading(DbConnection connection) =>
        ((SqliteConnection)connection).BeginTransaction(deferred: true);

    // Immediate: the file's one write lock is the schema's too.
    public override DbTransaction BeginSchemaChange(DbConnection connection) =>
        ((SqliteConnection)connection).BeginTransaction(deferred: false);

    public override long SchemaVersion(DbConnection connection, DbTransaction? transaction) =>
        connection.ExecuteScalar<long>("PRAGMA user_version", transaction: transaction);

    public override void SetSchemaVersion(DbConnection connection, DbTransaction transaction, long version) =>
        connection.Execute($"PRAGMA user_version={version}", transaction: transaction);

    public override string TextOf(SchemaStep step) => step.Sqlite;

    public override IReadOnlyList<string> Tables(DbConnection connection, DbTransaction? transaction) =>
        [.. connection.Query<string>("""
            SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name
            """, transaction: transaction)];

    public override IReadOnlyList<string> Columns(DbConnection connection, DbTransaction? transaction, string table) =>
        [.. connection.Query<string>("SELECT name FROM pragma_table_info(@table)", new { table }, transaction)];

    // AUTOINCREMENT counts from the highest number that ever was.
    public override void ResumeNumbers(DbConnection connection, DbTransaction transaction) { }

    public override IReadOnlyList<string> IntegrityFaults(DbConnection connection) =>
        [.. connection.Query<string>("PRAGMA integrity_check").Where(f => f != "ok")];

    /// <summary>Lets go of the file: connections are kept open for reuse until then.</summary>
    public override void Dispose()
    {
        using var any = new SqliteConnection(_connection);
        SqliteConnection.ClearPool(any);
    }
}
