// SPDX-License-Identifier: Apache-2.0
using Dapper;
using Lifeboat.Contracts;
using Lifeboat.Protection;
using Microsoft.Data.Sqlite;

namespace Lifeboat.Controller.Storage;

/// <summary>The controller's SQLite file. A commit that returned is on the disk (WAL, synchronous=FULL).</summary>
internal sealed class ControllerDatabase : IDisposable
{
    private readonly string _connection;

    /// <summary>Opens the file and brings its schema forward.</summary>
    /// <exception cref="ProblemException">Conflict: a newer version of Lifeboat wrote it.</exception>
    public ControllerDatabase(string path)
    {
        _connection = new SqliteConnectionStringBuilder
        {
            DataSource = path,
            Mode = SqliteOpenMode.ReadWriteCreate,
            DefaultTimeout = 30,
        }.ToString();
        using var connection = Open();
        connection.Execute("PRAGMA journal_mode=WAL");
        Migrate(connection);
    }

    public SqliteConnection Open()
    {
        var connection = new SqliteConnection(_connection);
        connection.Open();
        connection.Execute("PRAGMA synchronous=FULL");
        return connection;
    }

    /// <summary>Lets go of the file: connections are kept open for reuse until then.</summary>
    public void Dispose()
    {
        using var any = new SqliteConnection(_connection);
        SqliteConnection.ClearPool(any);
    }

    private static void Migrate(SqliteConnection connection)
    {
        var version = connection.ExecuteScalar<long>("PRAGMA user_version");
        if (version > Schema.Steps.Count)
        {
            throw new ProblemException(ReasonCode.Conflict,
                $"the database is of schema {version}, this controller knows up to {Schema.Steps.Count}",
                "Start the version of Lifeboat that wrote it, or a newer one.");
        }
        for (; version < Schema.Steps.Count; version++)
        {
            using var transaction = connection.BeginTransaction();
            connection.Execute(Schema.Steps[(int)version], transaction: transaction);
            connection.Execute($"PRAGMA user_version={version + 1}", transaction: transaction);
            transaction.Commit();
        }
    }
}
