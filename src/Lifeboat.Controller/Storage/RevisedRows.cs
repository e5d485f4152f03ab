// SPDX-License-Identifier: Apache-2.0
using System.Collections.Immutable;
using System.Data.Common;
using Dapper;

namespace Lifeboat.Controller.Storage;

// Rows that are read again and again and seldom written: definitions, desired states. Every write of the table takes
// the next number of the table's own count, in its transaction, and leaves it in the row. Whoever wants to read looks
// at the count, and reads only the rows that are newer than what it has.
//
// Invariant: what is given is never older than the last write that was committed before it was asked for, whichever
// controller of the site wrote it. Writers wait for one another at the count's row, so numbers are committed in order:
// who has seen number n has seen every row up to n.

/// <summary>A table's rows in memory, by key.</summary>
/// <param name="table">Has a column `revision`.</param>
/// <param name="changed">Reads the rows whose revision is greater.</param>
/// <param name="keys">Reads the keys of all rows; null: rows are never deleted.</param>
internal sealed class RevisedRows<T>(string table, Func<DbConnection, long, IEnumerable<(string Key, T Value)>> changed,
    Func<DbConnection, IEnumerable<string>>? keys = null)
{
    private readonly Lock _gate = new();
    private ImmutableSortedDictionary<string, T> _rows = ImmutableSortedDictionary.Create<string, T>(
        StringComparer.Ordinal);
    private long _seen = -1;

    /// <returns>All rows as they are now; what is given does not change any more.</returns>
    public ImmutableSortedDictionary<string, T> Read(DbConnection connection)
    {
        lock (_gate)
        {
            var now = connection.QuerySingleOrDefault<long?>("SELECT number FROM revisions WHERE name = @table",
                new { table }) ?? 0;
            if (now == _seen) return _rows;
            var rows = _rows.ToBuilder();
            foreach (var (key, value) in changed(connection, _seen)) rows[key] = value;
            if (keys is not null && _seen >= 0)
            {
                var there = keys(connection).ToHashSet(StringComparer.Ordinal);
                rows.RemoveRange(rows.Keys.Where(k => !there.Contains(k)).ToList());
            }
            _seen = now;
            return _rows = rows.ToImmutable();
        }
    }

    /// <summary>The number of a write; until its transaction is over nobody else writes the table.</summary>
    public long Next(DbConnection connection, DbTransaction transaction) => connection.QuerySingle<long>("""
        INSERT INTO revisions(name, number) VALUES(@table, 1)
        ON CONFLICT(name) DO UPDATE SET number = revisions.number + 1
        RETURNING number
        """, new { table }, transaction);
}
