// SPDX-License-Identifier: Apache-2.0
using System.Data.Common;
using Dapper;
using Lifeboat.Contracts.Api;
using Lifeboat.Controller.Storage;

namespace Lifeboat.Controller.Leases;

/// <param name="Holder">Null: nobody.</param>
/// <param name="Alive">The holder has said that it lives.</param>
internal sealed record LeaseRow(string? Holder, long Term, bool Alive);

/// <summary>The tables `controllers` and `leases`, as one controller uses them.</summary>
internal sealed class LeaseTable(ControllerDatabase database, ControllerName controller, TimeSpan life)
{
    // A server that hangs must not hold up the controller's saying so.
    private const int LimitSeconds = 2;
    private const int TakenAtOnce = 200;
    private static readonly TimeSpan Remembered = TimeSpan.FromMinutes(10);

    public string Id => controller.Id;

    /// <summary>
    /// Who had this controller's place before is dead, for its directory's lock is ours: what it held is free at once.
    /// </summary>
    public void Succeed(DbConnection connection) => connection.Execute(
        "DELETE FROM controllers WHERE name = @Name AND id <> @Id", new { controller.Name, controller.Id },
        commandTimeout: LimitSeconds);

    /// <summary>Says that this controller lives.</summary>
    /// <returns>The ids of all that do.</returns>
    public HashSet<string> Beat(DbConnection connection)
    {
        connection.Execute($"""
            INSERT INTO controllers(id, name, url, started_at, expires_at)
            VALUES(@Id, @Name, @Url, {database.Now}, {database.Now} + @Life)
            ON CONFLICT(id) DO UPDATE SET expires_at = excluded.expires_at
            """, new { controller.Id, controller.Name, controller.Url, Life = (long)life.TotalMilliseconds },
            commandTimeout: LimitSeconds);
        return [.. connection.Query<string>($"SELECT id FROM controllers WHERE expires_at > {database.Now}",
            commandTimeout: LimitSeconds)];
    }

    public Dictionary<string, LeaseRow> Read(DbConnection connection)
    {
        connection.Execute($"DELETE FROM controllers WHERE expires_at < {database.Now} - @Remembered",
            new { Remembered = (long)Remembered.TotalMilliseconds }, commandTimeout: LimitSeconds);
        return connection.Query<Row>($"""
            SELECT l.name, l.holder, l.term, CASE WHEN c.id IS NULL THEN 0 ELSE 1 END AS alive FROM leases l
            LEFT JOIN controllers c ON c.id = l.holder AND c.expires_at > {database.Now}
            """, commandTimeout: LimitSeconds)
            .ToDictionary(r => r.Name, r => new LeaseRow(r.Holder, r.Term, r.Alive != 0));
    }

    /// <summary>Takes those that are free now.</summary>
    /// <returns>The ones taken, with their terms.</returns>
    public IReadOnlyList<(string Name, long Term)> Take(DbConnection connection, IReadOnlyList<string> names)
    {
        if (names.Count == 0) return [];
        var taken = new List<(string, long)>();
        using var transaction = connection.BeginTransaction();
        // All controllers in one order, so that none waits for another in a ring. Many at once: when a controller with
        // a thousand groups is gone, the next one must have them within a moment.
        foreach (var some in names.Order(StringComparer.Ordinal).Chunk(TakenAtOnce))
        {
            var parameters = new DynamicParameters(new { Id });
            for (var i = 0; i < some.Length; i++) parameters.Add($"n{i}", some[i]);
            var rows = string.Join(", ", some.Select((_, i) => $"(@n{i}, @Id, 1, 0)"));
            taken.AddRange(connection.Query<(string, long)>($"""
                INSERT INTO leases(name, holder, term, writes) VALUES {rows}
                ON CONFLICT(name) DO UPDATE SET holder = excluded.holder, term = leases.term + 1
                WHERE leases.holder IS NULL OR leases.holder = excluded.holder OR NOT EXISTS(
                    SELECT 1 FROM controllers c WHERE c.id = leases.holder AND c.expires_at > {database.Now})
                RETURNING name, term
                """, parameters, transaction, commandTimeout: LimitSeconds));
        }
        transaction.Commit();
        return taken;
    }

    public void GiveBack(DbConnection connection, string name, long term) => connection.Execute(
        "UPDATE leases SET holder = NULL WHERE name = @name AND holder = @Id AND term = @term", new { name, Id, term },
        commandTimeout: LimitSeconds);

    /// <summary>Those of the names that are of groups with a run under way.</summary>
    public IReadOnlyList<string> WithRuns(DbConnection connection, IReadOnlyList<string> names) => names.Count == 0 ? []
        : [.. connection.Query<string>("SELECT name FROM runs WHERE finished = 0", commandTimeout: LimitSeconds)
            .Select(LeaseName.Group).Intersect(names)];

    /// <summary>Those that live, by name, with the groups that they work on.</summary>
    public IReadOnlyList<ControllerInfo> Controllers()
    {
        using var connection = database.Open();
        var groups = connection.Query<(string Holder, string Name)>(
            "SELECT holder, name FROM leases WHERE holder IS NOT NULL AND name LIKE 'group/%' ORDER BY name")
            .ToLookup(l => l.Holder, l => l.Name["group/".Length..]);
        return [.. connection.Query<(string Id, string Name, string Url, long StartedAt)>($"""
            SELECT id, name, url, started_at FROM controllers WHERE expires_at > {database.Now} ORDER BY name
            """).Select(c => new ControllerInfo(c.Name, c.Url, DateTimeOffset.FromUnixTimeMilliseconds(c.StartedAt),
                [.. groups[c.Id]], c.Id == Id))];
    }

    /// <summary>This controller ends: it holds nothing any more.</summary>
    public void Leave()
    {
        using var connection = database.Open();
        connection.Execute("UPDATE leases SET holder = NULL WHERE holder = @Id", new { Id },
            commandTimeout: LimitSeconds);
        connection.Execute("DELETE FROM controllers WHERE id = @Id", new { Id }, commandTimeout: LimitSeconds);
    }

    private sealed class Row
    {
        public string Name { get; init; } = "";
        public string? Holder { get; init; }
        public long Term { get; init; }
        public long Alive { get; init; }
    }
}
