// SPDX-License-Identifier: Apache-2.0
using System.Collections.Concurrent;
using System.Data.Common;
using Dapper;
using Lifeboat.Contracts;
using Lifeboat.Protection;

namespace Lifeboat.Controller.Storage;

// Locks of controllers that share a database, a row each:
//
//   free ── taken: the next term, ours for three seconds ──► held ── said again every half second ──► held
//    ▲                                                         │
//    ├──────────────── let go ─────────────────────────────────┤
//    └── three seconds without a word: anybody takes it ◄──────┘  killed, halted, or out of touch with the database
//
// Invariants: a row has one holder; its term grows each time it is taken. What is written under a lock first writes the
// lock's row, by holder and term, in the same transaction: whoever takes the lock over waits for that write, or was
// first, and then nothing is written. No connection is kept for a lock, nor for anybody who waits for one.

internal sealed class LockRows : IDisposable
{
    /// <summary>A lock of which its holder has said nothing for so long may be taken by another one.</summary>
    public static readonly TimeSpan Life = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan SayEvery = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan LookFirst = TimeSpan.FromMilliseconds(10);
    private static readonly TimeSpan LookLast = TimeSpan.FromMilliseconds(250);
    private const int LimitSeconds = 2;
    private const int BrokenMost = 4;
    private const int SaidAtOnce = 200;

    // Of this process: one that is started again is another holder.
    private string Id { get; } = Guid.CreateVersion7().ToString("n");
    private readonly ControllerDatabase _database;
    private readonly TimeProvider _time;
    private readonly ITimer _saying;
    private readonly ConcurrentDictionary<string, Held> _held = new(StringComparer.Ordinal);
    private int _busy;

    public LockRows(ControllerDatabase database, TimeProvider time)
    {
        (_database, _time) = (database, time);
        _saying = time.CreateTimer(_ => SayAgain(), null, SayEvery, SayEvery);
    }

    /// <summary>Waits until nobody else holds it.</summary>
    /// <exception cref="ProblemException">DatabaseUnavailable.</exception>
    public async Task<IDisposable> LockAsync(string name, CancellationToken ct)
    {
        var broken = 0;
        for (var pause = LookFirst; ; pause = pause * 2 < LookLast ? pause * 2 : LookLast)
        {
            try
            {
                if (TryLock(name) is { } held) return held;
            }
            catch (DbException e) when (e.IsTransient && ++broken < BrokenMost)
            {
                // A connection that the server ended: there are others. If it was answered after all and nobody heard,
                // nobody says it again, and it is free in three seconds.
            }
            await Task.Delay(pause, _time, ct);
        }
    }

    /// <returns>Null: somebody else holds it now.</returns>
    public IDisposable? TryLock(string name)
    {
        using var connection = _database.Open();
        var term = connection.QuerySingleOrDefault<long?>($"""
            INSERT INTO locks(name, holder, term, writes, expires_at)
            VALUES(@name, @Id, 1, 0, {_database.Now} + @Life)
            ON CONFLICT(name) DO UPDATE SET
                holder = excluded.holder, term = locks.term + 1, expires_at = excluded.expires_at
            WHERE locks.holder IS NULL OR locks.expires_at <= {_database.Now}
            RETURNING term
            """, new { name, Id, Life = (long)Life.TotalMilliseconds });
        return term is { } mine ? _held[name] = new Held(this, name, mine) : null;
    }

    /// <summary>
    /// Part of a write of what the lock guards, and the first: until the transaction is over nobody takes the lock
    /// over. Where this process took no such lock there is nothing to lose.
    /// </summary>
    /// <exception cref="ProblemException">DatabaseUnavailable: the lock was lost; the transaction must not end well.
    /// </exception>
    public void Fence(DbConnection connection, DbTransaction transaction, string name)
    {
        if (!_held.TryGetValue(name, out var held)) return;
        if (connection.Execute("""
            UPDATE locks SET writes = writes + 1 WHERE name = @name AND holder = @Id AND term = @Term
            """, new { name, Id, held.Term }, transaction) == 1) return;
        throw new ProblemException(ReasonCode.DatabaseUnavailable,
            $"the lock of {name} was lost while it was being changed: this controller had said nothing to the database "
            + $"for {Life.TotalSeconds:0} s, and another one goes on", "Nothing was written. Try again.");
    }

    public void Dispose() => _saying.Dispose();

    // One that another took meanwhile stays in the list until whoever thinks to hold it lets go: so its writes are
    // refused.
    private void SayAgain()
    {
        // The round before may wait for its server still.
        if (_held.IsEmpty || Interlocked.Exchange(ref _busy, 1) == 1) return;
        try
        {
            using var connection = _database.Open();
            foreach (var some in _held.Keys.Order(StringComparer.Ordinal).Chunk(SaidAtOnce))
            {
                var parameters = new DynamicParameters(new { Life = (long)Life.TotalMilliseconds, Id });
                for (var i = 0; i < some.Length; i++) parameters.Add($"n{i}", some[i]);
                connection.Execute($"""
                    UPDATE locks SET expires_at = {_database.Now} + @Life
                    WHERE holder = @Id AND name IN ({string.Join(", ", some.Select((_, i) => $"@n{i}"))})
                    """, parameters, commandTimeout: LimitSeconds);
            }
        }
        catch (Exception e) when (e is ObjectDisposedException || ControllerDatabase.IsUnavailable(e))
        {
            // Said again in half a second. When that is too late, Fence tells whoever writes.
        }
        finally
        {
            Volatile.Write(ref _busy, 0);
        }
    }

    private void LetGo(Held held)
    {
        if (!_held.TryRemove(new KeyValuePair<string, Held>(held.Name, held))) return;
        try
        {
            using var connection = _database.Open();
            connection.Execute("""
                UPDATE locks SET holder = NULL WHERE name = @Name AND holder = @Id AND term = @Term
                """, new { held.Name, Id, held.Term });
        }
        catch (Exception e) when (ControllerDatabase.IsUnavailable(e))
        {
            // Nobody says any more that it is held: it is free in three seconds.
        }
    }

    private sealed class Held(LockRows owner, string name, long term) : IDisposable
    {
        public string Name => name;
        public long Term => term;

        public void Dispose() => owner.LetGo(this);
    }
}
