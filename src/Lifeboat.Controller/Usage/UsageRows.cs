// SPDX-License-Identifier: Apache-2.0
using System.Data.Common;
using Dapper;
using Lifeboat.Controller.Watching;
using Lifeboat.Protection.Groups;
using Lifeboat.Recovery.Runs;

namespace Lifeboat.Controller.Usage;

/// <summary>The rows of the ledger, inside one transaction.</summary>
internal sealed class UsageRows(DbTransaction transaction)
{
    private DbConnection Connection => transaction.Connection!;

    public Dictionary<string, DateTimeOffset> Marks() =>
        Connection.Query<MarkRow>("SELECT name AS Name, at AS At FROM usage_marks", transaction: transaction)
            .ToDictionary(m => m.Name, m => DateTimeOffset.FromUnixTimeMilliseconds(m.At));

    public void Mark(string group, DateTimeOffset at) => Connection.Execute("""
        INSERT INTO usage_marks(name, at) VALUES(@group, @At) ON CONFLICT(name) DO UPDATE SET at = excluded.at
        """, new { group, At = at.ToUnixTimeMilliseconds() }, transaction);

    public void Forget(string group) =>
        Connection.Execute("DELETE FROM usage_marks WHERE name = @group", new { group }, transaction);

    public void Add(GroupDefinition group, long day, Meter meter, long amount)
    {
        if (amount == 0) return;
        Connection.Execute("""
            INSERT INTO usage_days(name, tenant, day, meter, amount) VALUES(@Name, @Tenant, @day, @Meter, @amount)
            ON CONFLICT(name, day, meter) DO UPDATE SET amount = usage_days.amount + excluded.amount
            """, new { group.Name, Tenant = Tenants.Of(group), day, Meter = (int)meter, amount }, transaction);
    }

    public (long Changed, long Wire) Counter(string group, Guid id)
    {
        var row = Connection.QuerySingleOrDefault<CounterRow>(
            "SELECT changed AS Changed, wire AS Wire FROM usage_counters WHERE name = @group AND stream = @Stream",
            new { group, Stream = $"{id}" }, transaction);
        return row is null ? (0, 0) : (row.Changed, row.Wire);
    }

    public void SaveCounter(string group, Guid id, long changed, long wire) => Connection.Execute("""
        INSERT INTO usage_counters(name, stream, changed, wire) VALUES(@group, @Stream, @changed, @wire)
        ON CONFLICT(name, stream) DO UPDATE SET changed = excluded.changed, wire = excluded.wire
        """, new { group, Stream = $"{id}", changed, wire }, transaction);

    public void SaveDrill(Run run, string tenant, long day, long amount) => Connection.Execute("""
        INSERT INTO usage_drills(run, name, tenant, day, amount) VALUES(@Run, @Name, @tenant, @day, @amount)
        ON CONFLICT(run, day) DO UPDATE SET amount = excluded.amount
        """, new { Run = $"{run.Id}", Name = run.Group, tenant, day, amount }, transaction);

    private sealed class MarkRow
    {
        public string Name { get; init; } = "";
        public long At { get; init; }
    }

    private sealed class CounterRow
    {
        public long Changed { get; init; }
        public long Wire { get; init; }
    }
}
