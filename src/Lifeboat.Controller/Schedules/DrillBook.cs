// SPDX-License-Identifier: Apache-2.0
using System.Data.Common;
using Dapper;
using Lifeboat.Contracts.Api;
using Lifeboat.Controller.Alerts;
using Lifeboat.Controller.Storage;
using Lifeboat.Controller.Watching;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;
using Lifeboat.Protection.Plans;
using Lifeboat.Protection.Policies;

namespace Lifeboat.Controller.Schedules;

/// <summary>When drills were due and what became of them, and the last one that ended, of each group.</summary>
internal sealed class DrillBook(ControllerDatabase database, TimeProvider time) : IWatcher, IRaisesAlerts
{
    /// <summary>Notes drills that ended, asked for by whomever.</summary>
    public Task SeeAsync(Observation observation, CancellationToken ct)
    {
        var ended = observation.Runs.Where(r => r.Kind is RunKind.TestFailover && r.State is not RunState.Cancelled
            && r.FinishedAt is not null).ToList();
        using var connection = database.Open();
        Forget(connection, observation.Groups);
        foreach (var run in ended)
            connection.Execute("""
                INSERT INTO drills(name, ended_at, body) VALUES(@Group, @EndedAt, @Body)
                ON CONFLICT(name) DO UPDATE SET ended_at = excluded.ended_at, body = excluded.body
                    WHERE excluded.ended_at > drills.ended_at
                """, new
            {
                run.Group,
                EndedAt = run.FinishedAt!.Value.ToUnixTimeMilliseconds(),
                Body = StoredJson.Write(new EndedDrill(run.Id, run.State, run.FinishedAt!.Value, run.Reason,
                    run.Detail)),
            });
        return Task.CompletedTask;
    }

    public DrillStatus? Of(GroupDefinition group)
    {
        using var connection = database.Open();
        var (last, due) = connection.QuerySingle<(string? Last, string? Due)>("""
            SELECT (SELECT body FROM drills WHERE name = @Name), (SELECT body FROM due_drills WHERE name = @Name)
            """, new { group.Name });
        return Of(group, last, due);
    }

    /// <summary>Of many groups with two questions; one that has neither calendar nor drill is not in it.</summary>
    public IReadOnlyDictionary<string, DrillStatus> Of(IEnumerable<GroupDefinition> groups)
    {
        using var connection = database.Open();
        var last = connection.Query<(string Name, string Body)>("SELECT name, body FROM drills")
            .ToDictionary(r => r.Name, r => r.Body, StringComparer.Ordinal);
        var due = connection.Query<(string Name, string Body)>("SELECT name, body FROM due_drills")
            .ToDictionary(r => r.Name, r => r.Body, StringComparer.Ordinal);
        var known = from g in groups
                    let status = Of(g, last.GetValueOrDefault(g.Name), due.GetValueOrDefault(g.Name))
                    where status is not null
                    select (g.Name, status);
        return known.ToDictionary(k => k.Name, k => k.status, StringComparer.Ordinal);
    }

    private DrillStatus? Of(GroupDefinition group, string? last, string? due)
    {
        if (group.Policy.DrillCalendar is null && last is null) return null;
        return new DrillStatus
        {
            Calendar = group.Policy.DrillCalendar,
            TimeZone = group.Policy.DrillCalendar is null ? null : group.Policy.DrillTimeZone ?? "UTC",
            NextDue = group.Policy.Drills()?.After(time.GetUtcNow()),
            LastDue = due is null ? null : StoredJson.Read<DueDrill>(due),
            Last = last is null ? null : StoredJson.Read<EndedDrill>(last),
        };
    }

    /// <summary>The calendars that were seen, and from when on their dues count, by group.</summary>
    public IReadOnlyDictionary<string, (string Calendar, DateTimeOffset Since)> Calendars()
    {
        using var connection = database.Open();
        return connection.Query<(string Name, string Calendar, long Since)>(
            "SELECT name, calendar, since FROM drill_calendars").ToDictionary(r => r.Name,
                r => (r.Calendar, DateTimeOffset.FromUnixTimeMilliseconds(r.Since)), StringComparer.Ordinal);
    }

    /// <summary>From when on dues of this calendar count: since it was first seen, or since the last one.</summary>
    public DateTimeOffset Since(string group, string calendar, DateTimeOffset now)
    {
        using var connection = database.Open();
        var known = connection.QuerySingleOrDefault<Row>(
            "SELECT calendar AS Calendar, since AS Since FROM drill_calendars WHERE name = @group", new { group });
        if (known?.Calendar == calendar) return DateTimeOffset.FromUnixTimeMilliseconds(known.Since);
        Save(group, calendar, now);
        return now;
    }

    /// <summary>Keeps what became of a due drill; from here on it is not due any more.</summary>
    public void Add(string group, string calendar, DueDrill due)
    {
        using (var connection = database.Open())
            connection.Execute("""
                INSERT INTO due_drills(name, body) VALUES(@group, @Body)
                ON CONFLICT(name) DO UPDATE SET body = excluded.body
                """, new { group, Body = StoredJson.Write(due) });
        Save(group, calendar, due.Due);
    }

    /// <summary>A drill that failed, until a later one passes; one that was skipped, until one took place.</summary>
    public IReadOnlyList<Condition> Conditions(Observation now)
    {
        var groups = now.Groups.Where(g => g.Definition.RecoverySite == now.Site).ToList();
        var drills = Of(groups.Select(g => g.Definition));
        return [.. groups.SelectMany(g => drills.TryGetValue(g.Definition.Name, out var of) ? Conditions(g, of) : [])];
    }

    private static IEnumerable<Condition> Conditions(GroupInfo group, DrillStatus drills)
    {
        var name = group.Definition.Name;
        if (drills.Last is { Passed: false } failed)
            yield return About(AlertKind.DrillFailed, failed.Reason,
                $"the last drill of group {name} ended {failed.State} at {failed.EndedAt:u}"
                + (failed.Detail is { } detail ? $": {detail}" : ""),
                $"`lifeboat report get {failed.Run}` says what went wrong. A drill that passes closes this.");
        if (drills.LastDue is { Outcome: DueOutcome.Skipped } skipped && drills.Calendar is not null
            && !(drills.Last?.EndedAt > skipped.Due))
            yield return About(AlertKind.DrillOverdue, skipped.Reason,
                $"the drill of group {name} that was due at {skipped.Due:u} did not take place"
                + (skipped.Detail is { } why ? $": {why}" : ""),
                $"Do it with `lifeboat drill {name}`, or wait for the next one at {drills.NextDue:u}.");

        Condition About(AlertKind kind, ReasonCode reason, string summary, string advice) =>
            new(kind, AlertSeverity.Warning, name, reason, summary, advice)
            {
                Group = name,
                Tenant = Tenants.Of(group.Definition),
                Patience = TimeSpan.Zero,
            };
    }

    // Another group that is given the name later begins anew.
    private static void Forget(DbConnection connection, IReadOnlyList<GroupInfo> groups)
    {
        var known = connection.Query<string>("""
            SELECT name FROM drills UNION SELECT name FROM due_drills UNION SELECT name FROM drill_calendars
            """);
        foreach (var gone in known.Except(groups.Select(g => g.Definition.Name)).ToList())
            connection.Execute("""
                DELETE FROM drills WHERE name = @gone;
                DELETE FROM due_drills WHERE name = @gone;
                DELETE FROM drill_calendars WHERE name = @gone;
                """, new { gone });
    }

    private void Save(string group, string calendar, DateTimeOffset since)
    {
        using var connection = database.Open();
        connection.Execute("""
            INSERT INTO drill_calendars(name, calendar, since) VALUES(@group, @calendar, @Since)
            ON CONFLICT(name) DO UPDATE SET calendar = excluded.calendar, since = excluded.since
            """, new { group, calendar, Since = since.ToUnixTimeMilliseconds() });
    }

    private sealed class Row
    {
        public string Calendar { get; init; } = "";
        public long Since { get; init; }
    }
}
