// SPDX-License-Identifier: Apache-2.0
using System.Data.Common;
using Dapper;
using Lifeboat.Contracts.Api;
using Lifeboat.Controller.Storage;

namespace Lifeboat.Controller.Alerts;

/// <summary>Alerts, open and over. At most one with the same key is live: open, or closed by hand while it holds.
/// </summary>
internal sealed class AlertStore(ControllerDatabase database)
{
    /// <summary>By key.</summary>
    public IReadOnlyDictionary<string, Alert> Live()
    {
        using var connection = database.Open();
        return connection.Query<Row>("SELECT condition, body FROM alerts WHERE live = 1")
            .ToDictionary(r => r.Condition, r => StoredJson.Read<Alert>(r.Body));
    }

    public Alert? Find(Guid id)
    {
        using var connection = database.Open();
        return connection.QuerySingleOrDefault<string>("SELECT body FROM alerts WHERE id = @id", new { id = $"{id}" })
            is { } body ? StoredJson.Read<Alert>(body) : null;
    }

    /// <summary>Newest first.</summary>
    /// <param name="over">Also those that are closed.</param>
    /// <param name="tenant">Only what is about groups of this tenant; null: all.</param>
    public IReadOnlyList<Alert> List(bool over, string? group, int most, string? tenant = null)
    {
        using var connection = database.Open();
        return [.. connection.Query<string>($"""
            SELECT body FROM alerts WHERE (closed = 0 OR @over = 1) AND (@group IS NULL OR name = @group)
                AND {TenantRows.Are("name")}
            ORDER BY raised_at DESC, id DESC LIMIT @most
            """, new { over = over ? 1 : 0, group, most, tenant }).Select(StoredJson.Read<Alert>)];
    }

    /// <summary>Keeps all of it or nothing.</summary>
    /// <param name="also">What is to be kept together with it.</param>
    public void Save(IReadOnlyList<(string Condition, Alert Alert)> changes, Action<DbTransaction>? also = null)
    {
        if (changes.Count == 0) return;
        using var connection = database.Open();
        using var transaction = connection.BeginTransaction();
        // Those that end first: another of the same condition may begin in the same round.
        foreach (var (condition, alert) in changes.OrderBy(c => IsLive(c.Alert))) Save(condition, alert, transaction);
        also?.Invoke(transaction);
        transaction.Commit();
    }

    /// <summary>Removes alerts that were over before this.</summary>
    /// <returns>How many; fewer than <paramref name="most"/>: there are no more.</returns>
    public int Prune(DateTimeOffset before, int most)
    {
        using var connection = database.Open();
        return connection.Execute("""
            DELETE FROM alerts WHERE live = 0 AND id IN (SELECT id FROM alerts
                WHERE live = 0 AND raised_at < @at AND coalesce(ended_at, raised_at) < @at
                ORDER BY raised_at LIMIT @most)
            """, new { at = before.ToUnixTimeMilliseconds(), most });
    }

    private static void Save(string condition, Alert alert, DbTransaction transaction) =>
        transaction.Connection!.Execute("""
            INSERT INTO alerts(id, condition, name, raised_at, closed, live, ended_at, body)
            VALUES(@Id, @condition, @Name, @At, @Closed, @Live, @Ended, @Body)
            ON CONFLICT(id) DO UPDATE SET closed = excluded.closed, live = excluded.live,
                ended_at = excluded.ended_at, body = excluded.body
            """, new
        {
            Id = $"{alert.Id}",
            condition,
            // Whose it is, its full name says: of a policy too.
            Name = alert.Group ?? (alert.Kind is AlertKind.PolicyConflict ? alert.Subject : null),
            At = alert.Since.ToUnixTimeMilliseconds(),
            Closed = alert.ClosedAt is null ? 0 : 1,
            Ended = alert.ClosedAt?.ToUnixTimeMilliseconds(),
            Live = IsLive(alert) ? 1 : 0,
            Body = StoredJson.Write(alert),
        }, transaction);

    private static bool IsLive(Alert alert) => alert.ClosedAt is null || alert.Holds;

    private sealed class Row
    {
        public string Condition { get; init; } = "";
        public string Body { get; init; } = "";
    }
}
