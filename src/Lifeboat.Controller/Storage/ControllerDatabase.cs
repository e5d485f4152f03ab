// SPDX-License-Identifier: Apache-2.0
using System.Data.Common;
using Lifeboat.Contracts;
using Lifeboat.Protection;

namespace Lifeboat.Controller.Storage;

/// <summary>
/// The database of a site's controllers. The stores' SQL is the same on every engine; an engine says here what differs.
/// A commit that returned is durable.
/// </summary>
internal abstract class ControllerDatabase : IDisposable
{
    /// <summary>As people know it: `SQLite`, `PostgreSQL`.</summary>
    public abstract string Engine { get; }

    /// <summary>Which database it is, for people; without any secret.</summary>
    public abstract string Place { get; }

    /// <summary>Several controllers of the site may use it at the same time.</summary>
    public abstract bool IsShared { get; }

    /// <summary>SQL: the database's own clock, in Unix milliseconds.</summary>
    public abstract string Now { get; }

    /// <summary>A connection that works as far as can be told; the caller disposes of it.</summary>
    /// <exception cref="ProblemException">DatabaseUnavailable: the server cannot be reached now.</exception>
    public abstract DbConnection Open();

    /// <summary>
    /// Waits until no other process of the site holds this name; no connection waits. Null: there is no other one. A
    /// process that says nothing to the database for <see cref="LockRows.Life"/> loses what it holds. Threads of one
    /// process exclude each other themselves.
    /// </summary>
    /// <returns>What lets go of it.</returns>
    public abstract Task<IDisposable?> LockAsync(string name, CancellationToken ct);

    /// <returns>False: another process holds it now.</returns>
    public abstract bool TryLock(string name, out IDisposable? held);

    /// <summary>
    /// To be said first in a transaction that writes what the lock of this name guards: nobody takes the lock over
    /// before it has ended.
    /// </summary>
    /// <exception cref="ProblemException">DatabaseUnavailable: this process held the lock and has lost it.</exception>
    public abstract void Fence(DbConnection connection, DbTransaction transaction, string name);

    /// <summary>A row with this key is there already.</summary>
    public abstract bool IsDuplicate(DbException e);

    /// <summary>
    /// One view of the whole database, however long it is read: nothing that is changed meanwhile is seen in it.
    /// </summary>
    public abstract DbTransaction BeginReading(DbConnection connection);

    /// <summary>A transaction that is alone in changing the schema; others that want to wait for its end.</summary>
    public abstract DbTransaction BeginSchemaChange(DbConnection connection);

    /// <summary>0: there is no table yet.</summary>
    public abstract long SchemaVersion(DbConnection connection, DbTransaction? transaction);

    public abstract void SetSchemaVersion(DbConnection connection, DbTransaction transaction, long version);

    /// <summary>The step as this engine takes it.</summary>
    public abstract string TextOf(SchemaStep step);

    /// <summary>Names of the tables of the schema, in order.</summary>
    public abstract IReadOnlyList<string> Tables(DbConnection connection, DbTransaction? transaction);

    /// <summary>Columns of a table, in order.</summary>
    public abstract IReadOnlyList<string> Columns(DbConnection connection, DbTransaction? transaction, string table);

    /// <summary>Rows were inserted with numbers of their own: those that are given from now on come after.</summary>
    public abstract void ResumeNumbers(DbConnection connection, DbTransaction transaction);

    /// <summary>What the engine finds wrong with what it stores; empty: nothing.</summary>
    public abstract IReadOnlyList<string> IntegrityFaults(DbConnection connection);

    public abstract void Dispose();

    /// <summary>It may work again in a moment: the server was restarted, the connection was lost.</summary>
    public static bool IsUnavailable(Exception e) => e is DbException { IsTransient: true }
        or ProblemException { Reason: ReasonCode.DatabaseUnavailable };
}
