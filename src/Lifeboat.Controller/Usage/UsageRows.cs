// SPDX-License-Identifier: Apache-2.0
using System.Data.Common;
using Dapper;
using Lifeboat.Controller.Storage;
using Lifeboat.Controller.Watching;
using Lifeboat.Protection.Groups;
using Lifeboat.Recovery.Runs;

namespace Lifeboat.Controller.Usage;

/// <summary>The ledger's rows, inside one transaction; what is by group is written by <see cref="Flush"/>.</summary>
internal sealed class UsageRows(DbTransaction transaction)
{
    private readonly Dictionary<(string Name, long Day, Meter Meter), (string Tenant, long Amount)> _added = [];
    private readonly Dictionary<(string Name, string Stream), (long Changed, long Wire)> _counted = [];
    private readonly Dictionary<string, long> _marked = new(StringComparer.Ordinal);
    private Dictionary<(string, string), (long Changed, long Wire)>? _counters;

    private DbConnection Connection => transaction.Connection!;

    public Dictionary<string, DateTimeOffset> Marks() =>
        Connection.Query<MarkRow>("SELECT name AS Name, at AS At FROM usage_marks", transaction: transaction)
            .ToDictionary(m => m.Name, m => DateTimeOffset.FromUnixTimeMilliseconds(m.At));

    public void Mark(string group, DateTimeOffset at) => _marked[group] = at.ToUnixTimeMilliseconds();

    public void Forget(string group) =>
        Connection.Execute("DELETE FROM usage_marks WHERE name = @group", new { group }, transaction);

    public void Add(GroupDefinition group, long day, Meter meter, long amount)
    {
        if (amount == 0) return;
        var key = (group.Name, day, meter);
        _added[key] = (Tenants.Of(group), _added.GetValueOrDefault(key).Amount + amount);
    }

    public (long Changed, long Wire) Counter(string group, Guid id) =>
        (_counters ??= Counters()).GetValueOrDefault((group, $"{id}"));

    public void SaveCounter(string group, Guid id, long changed, long wire) =>
        _counted[(group, $"{id}")] = (_counters ??= Counters())[(group, $"{id}")] = (changed, wire);

    /// <summary>Writes what was added, counted and marked.</summary>
    public void Flush()
    {
        ManyRows.Put(transaction, "INSERT INTO usage_days(name, tenant, day, meter, amount)",
            _added.Select(a => new object[]
            {
                a.Key.Name, a.Value.Tenant, a.Key.Day, (long)a.Key.Meter, a.Value.Amount,
            }), "ON CONFLICT(name, day, meter) DO UPDATE SET amount = usage_days.amount + excluded.amount");
        ManyRows.Put(transaction, "INSERT INTO usage_counters(name, stream, changed, wire)",
            _counted.Select(c => new object[] { c.Key.Name, c.Key.Stream, c.Value.Changed, c.Value.Wire }),
            "ON CONFLICT(name, stream) DO UPDATE SET changed = excluded.changed, wire = excluded.wire");
        ManyRows.Put(transaction, "INSERT INTO usage_marks(name, at)",
            _marked.Select(m => new object[] { m.Key, m.Value }), "ON CONFLICT(name) DO UPDATE SET at = excluded.at");
    }

    private Dictionary<(string, string), (long Changed, long Wire)> Counters() => Connection.Query<CounterRow>(
        "SELECT name AS Name, stream AS Stream, changed AS Changed, wire AS Wire FROM usage_counters",
        transaction: transaction).ToDictionary(c => (c.Name, c.Stream), c => (c.Changed, c.Wire));

    public void SaveDrill(Run run, string tenant, long day, long amount) => Connection.Execute("""
        INSERT INTO usage_drills(run, name, tenant, day, amount) VALUES(@Run, @Name, @tenant, @day, @amount)
        ON CONFLICT(run, day) DO UPDATE SET amount = excluded.amount
        """, new { Run = $"{run.Id}", Name = run.Group, tenant, day, amount }, transaction);

    /// <summary>Since when the instances of groups run in recovery; a group whose run at home is not in it.</summary>
    public Dictionary<string, DateTimeOffset> Recovering() =>
        Connection.Query<MarkRow>("SELECT name AS Name, since AS At FROM usage_moves WHERE since IS NOT NULL",
            transaction: transaction).ToDictionary(m => m.Name, m => DateTimeOffset.FromUnixTimeMilliseconds(m.At));

    /// <param name="since">When instances began to run in recovery by it; null: it brought them home.</param>
    public void SaveMove(Run run, DateTimeOffset? since) => Connection.Execute("""
        INSERT INTO usage_moves(name, ended_at, since) VALUES(@Group, @EndedAt, @Since)
        ON CONFLICT(name) DO UPDATE SET ended_at = excluded.ended_at, since = excluded.since
            WHERE excluded.ended_at >= usage_moves.ended_at
        """, new
    {
        run.Group,
        EndedAt = run.FinishedAt!.Value.ToUnixTimeMilliseconds(),
        Since = since?.ToUnixTimeMilliseconds(),
    }, transaction);

    private sealed class MarkRow
    {
        public string Name { get; init; } = "";
        public long At { get; init; }
    }

    private sealed class CounterRow
    {
        public string Name { get; init; } = "";
        public string Stream { get; init; } = "";
        public long Changed { get; init; }
        public long Wire { get; init; }
    }
}
