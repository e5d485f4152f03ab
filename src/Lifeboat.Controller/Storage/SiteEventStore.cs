// SPDX-License-Identifier: Apache-2.0
using System.Data.Common;
using Dapper;
using Lifeboat.Contracts.Api;
using Lifeboat.Protection;

namespace Lifeboat.Controller.Storage;

/// <summary>
/// The log of what happened. A line is added only when it says something else than the newest one about the same thing,
/// so whoever sees the site may tell it again and again, after a restart too, and several controllers may.
/// </summary>
internal sealed class SiteEventStore(ControllerDatabase database)
{
    // Name of the count of `revisions` that says up to which number events were removed.
    private const string Removed = "site_events_removed";

    /// <param name="About">The thing, e.g. `group shop`.</param>
    /// <param name="Now">What is so now; what it is compared by.</param>
    public sealed record Line(string About, string Now, SiteEvent Happened);

    /// <summary>Adds all of them or none.</summary>
    /// <returns>How many were added: not those of which the newest line about the thing says so already.</returns>
    public int Add(IReadOnlyList<Line> lines)
    {
        using var connection = database.Open();
        using var transaction = connection.BeginTransaction();
        // Numbers are given in the order in which writers begin, and seen in that in which they end: whoever follows
        // would pass over the lines of the slower one. So they come one after the other.
        if (database.IsShared)
            connection.Execute("""
                INSERT INTO revisions(name, number) VALUES('site_events', 1)
                ON CONFLICT(name) DO UPDATE SET number = revisions.number + 1
                """, transaction: transaction);
        var added = lines.Sum(line => Add(line, transaction));
        transaction.Commit();
        return added;
    }

    /// <summary>
    /// Removes events from before this, and those that are too many. The newest line about a group or its definition
    /// stays, else it would be told again as news; and the newest of all.
    /// </summary>
    /// <returns>How many; fewer than <paramref name="most"/>: there are no more.</returns>
    public int Prune(DateTimeOffset before, int kept, int most)
    {
        using var connection = database.Open();
        using var transaction = connection.BeginTransaction();
        var removed = connection.Query<long>("""
            DELETE FROM site_events WHERE number IN (SELECT e.number FROM site_events e
                WHERE (e.at < @before AND NOT (e.kind IN (@state, @definition) AND e.number = (
                        SELECT max(n.number) FROM site_events n WHERE n.about = e.about))
                    OR e.number <= (SELECT max(number) FROM site_events) - @kept)
                AND e.number < (SELECT max(number) FROM site_events)
                ORDER BY e.number LIMIT @most)
            RETURNING number
            """, new
        {
            before = before.ToUnixTimeMilliseconds(),
            state = (int)SiteEventKind.GroupState,
            definition = (int)SiteEventKind.Definition,
            kept,
            most,
        }, transaction).ToList();
        if (removed.Count > 0)
            connection.Execute("""
                INSERT INTO revisions(name, number) VALUES(@Removed, @upTo)
                ON CONFLICT(name) DO UPDATE SET number = excluded.number WHERE excluded.number > revisions.number
                """, new { Removed, upTo = removed.Max() }, transaction);
        transaction.Commit();
        return removed.Count;
    }

    /// <summary>Up to which number there are events that are not kept any more; 0: all are.</summary>
    public long RemovedUpTo()
    {
        using var connection = database.Open();
        return connection.QuerySingleOrDefault<long?>("SELECT number FROM revisions WHERE name = @Removed",
            new { Removed }) ?? 0;
    }

    private static int Add(Line line, DbTransaction transaction) => transaction.Connection!.Execute("""
        INSERT INTO site_events(at, about, now_so, kind, tenant, name, subject, state, reason, body)
        SELECT @at, @About, @Now, @kind, @Tenant, @Group, @Subject, @State, @reason, @Text
        WHERE NOT EXISTS(SELECT 1 FROM site_events WHERE about = @About AND now_so = @Now
            AND number = (SELECT max(number) FROM site_events WHERE about = @About))
        """, new
    {
        at = line.Happened.At.ToUnixTimeMilliseconds(),
        line.About,
        line.Now,
        kind = (int)line.Happened.Kind,
        line.Happened.Tenant,
        line.Happened.Group,
        line.Happened.Subject,
        line.Happened.State,
        reason = (int)line.Happened.Reason,
        line.Happened.Text,
    }, transaction);

    /// <summary>Oldest first.</summary>
    public IReadOnlyList<SiteEvent> After(long number, int limit)
    {
        using var connection = database.Open();
        return [.. connection.Query<Row>("""
            SELECT number, at, kind, tenant, name, subject, state, reason, body FROM site_events
            WHERE number > @number ORDER BY number LIMIT @limit
            """, new { number, limit }).Select(r => r.Event())];
    }

    /// <summary>0: nothing has happened yet.</summary>
    public long Newest()
    {
        using var connection = database.Open();
        return connection.ExecuteScalar<long?>("SELECT max(number) FROM site_events") ?? 0;
    }

    private sealed class Row
    {
        public long Number { get; init; }
        public long At { get; init; }
        public long Kind { get; init; }
        public string? Tenant { get; init; }
        public string? Name { get; init; }
        public string? Subject { get; init; }
        public string State { get; init; } = "";
        public long Reason { get; init; }
        public string Body { get; init; } = "";

        public SiteEvent Event() => new(Number, DateTimeOffset.FromUnixTimeMilliseconds(At), (SiteEventKind)Kind,
            Tenant, Name, Subject, State, (ReasonCode)Reason, Body);
    }
}
