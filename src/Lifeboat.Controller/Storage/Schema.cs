// SPDX-License-Identifier: Apache-2.0
using System.Globalization;

namespace Lifeboat.Controller.Storage;

/// <summary>
/// The schema's history: a step once released is never changed, only followed by another. A step is written for SQLite
/// and translated; one that cannot be is given in both texts.
/// </summary>
internal static class Schema
{
    public static readonly IReadOnlyList<SchemaStep> Steps =
    [
        """
        CREATE TABLE groups(name TEXT PRIMARY KEY, removed INTEGER NOT NULL, definition TEXT NOT NULL) STRICT;
        CREATE TABLE group_states(name TEXT PRIMARY KEY, state INTEGER NOT NULL, reason INTEGER NOT NULL,
            since INTEGER NOT NULL) STRICT;
        CREATE TABLE specs(name TEXT NOT NULL, role TEXT NOT NULL, active INTEGER NOT NULL, accepted INTEGER NOT NULL,
            spec TEXT NOT NULL, PRIMARY KEY(name, role)) STRICT;
        CREATE TABLE peers(name TEXT PRIMARY KEY, url TEXT NOT NULL, link TEXT NOT NULL,
            fingerprint TEXT NOT NULL, paired_at INTEGER NOT NULL) STRICT;
        CREATE TABLE tokens(id TEXT PRIMARY KEY, secret_hash TEXT NOT NULL, expires_at INTEGER NOT NULL,
            wrong_tries INTEGER NOT NULL, used INTEGER NOT NULL) STRICT;
        CREATE TABLE runs(id TEXT PRIMARY KEY, name TEXT NOT NULL, created_at INTEGER NOT NULL,
            finished INTEGER NOT NULL, request_key TEXT, body TEXT NOT NULL) STRICT;
        CREATE UNIQUE INDEX one_run_per_group ON runs(name) WHERE finished = 0;
        CREATE UNIQUE INDEX one_run_per_key ON runs(name, request_key) WHERE request_key IS NOT NULL;
        CREATE TABLE run_signals(run TEXT NOT NULL, signal INTEGER NOT NULL, PRIMARY KEY(run, signal)) STRICT;
        CREATE TABLE step_durations(number INTEGER PRIMARY KEY AUTOINCREMENT, step TEXT NOT NULL, name TEXT NOT NULL,
            ticks INTEGER NOT NULL) STRICT;
        CREATE INDEX durations_by_step ON step_durations(step, name);
        CREATE TABLE events(number INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, actor TEXT NOT NULL,
            action TEXT NOT NULL, subject TEXT NOT NULL, outcome TEXT NOT NULL, detail TEXT) STRICT;
        """,
        "CREATE TABLE divergences(name TEXT PRIMARY KEY, body TEXT NOT NULL) STRICT;",
        // Whose database this is; its controllers that live, and what each of them works on (decision 0028).
        """
        CREATE TABLE facts(name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
        CREATE TABLE controllers(id TEXT PRIMARY KEY, name TEXT NOT NULL, url TEXT NOT NULL,
            started_at INTEGER NOT NULL, expires_at INTEGER NOT NULL) STRICT;
        CREATE TABLE leases(name TEXT PRIMARY KEY, holder TEXT, term INTEGER NOT NULL, writes INTEGER NOT NULL) STRICT;
        CREATE INDEX leases_by_holder ON leases(holder);
        """,
        // Alerts and where they go.
        """
        CREATE TABLE alerts(id TEXT PRIMARY KEY, condition TEXT NOT NULL, name TEXT, raised_at INTEGER NOT NULL,
            closed INTEGER NOT NULL, live INTEGER NOT NULL, body TEXT NOT NULL) STRICT;
        CREATE UNIQUE INDEX one_live_alert ON alerts(condition) WHERE live = 1;
        CREATE INDEX alerts_by_time ON alerts(raised_at);
        CREATE TABLE alert_targets(name TEXT PRIMARY KEY, body TEXT NOT NULL) STRICT;
        CREATE TABLE alert_deliveries(id TEXT PRIMARY KEY, target TEXT NOT NULL, state INTEGER NOT NULL,
            created_at INTEGER NOT NULL, next_at INTEGER NOT NULL, body TEXT NOT NULL, message TEXT NOT NULL) STRICT;
        CREATE INDEX deliveries_by_state ON alert_deliveries(state, next_at);
        """,
        // Follow-ups: one open of a kind for a group.
        """
        CREATE TABLE follow_ups(id TEXT PRIMARY KEY, kind TEXT NOT NULL, subject TEXT NOT NULL, reason INTEGER NOT NULL,
            detail TEXT, advice TEXT NOT NULL, opened_at INTEGER NOT NULL, last_at INTEGER NOT NULL,
            times INTEGER NOT NULL, closed_at INTEGER, closing TEXT) STRICT;
        CREATE UNIQUE INDEX one_open_follow_up ON follow_ups(kind, subject) WHERE closed_at IS NULL;
        """,
        // Requests that carry an idempotency key, and their answers; what happened at the site.
        """
        CREATE TABLE request_keys(caller TEXT NOT NULL, request_key TEXT NOT NULL, fingerprint TEXT NOT NULL,
            holder TEXT NOT NULL, created_at INTEGER NOT NULL, touched_at INTEGER NOT NULL, status INTEGER NOT NULL,
            location TEXT, media_type TEXT, body BLOB, PRIMARY KEY(caller, request_key)) STRICT;
        CREATE INDEX request_keys_by_time ON request_keys(touched_at);
        CREATE TABLE site_events(number INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, about TEXT NOT NULL,
            now_so TEXT NOT NULL, kind INTEGER NOT NULL, tenant TEXT, name TEXT, subject TEXT, state TEXT NOT NULL,
            reason INTEGER NOT NULL, body TEXT NOT NULL) STRICT;
        CREATE INDEX site_events_about ON site_events(about, number);
        CREATE TABLE operations(id TEXT PRIMARY KEY, caller TEXT NOT NULL, holder TEXT NOT NULL,
            created_at INTEGER NOT NULL, touched_at INTEGER NOT NULL, body TEXT NOT NULL) STRICT;
        CREATE INDEX operations_by_time ON operations(created_at);
        """,
        // Identity: tenants, users, their tokens, sealed secrets, and an audit log that shows when it was changed.
        """
        CREATE TABLE tenants(name TEXT PRIMARY KEY, body TEXT NOT NULL) STRICT;
        CREATE TABLE instance_tenants(instance TEXT PRIMARY KEY, tenant TEXT NOT NULL) STRICT;
        CREATE TABLE users(tenant TEXT NOT NULL, name TEXT NOT NULL, body TEXT NOT NULL, password BLOB,
            PRIMARY KEY(tenant, name)) STRICT;
        CREATE TABLE api_tokens(id TEXT PRIMARY KEY, tenant TEXT NOT NULL, name TEXT NOT NULL, hash TEXT NOT NULL,
            label TEXT, rights TEXT, created_at INTEGER NOT NULL, created_by TEXT NOT NULL,
            expires_at INTEGER NOT NULL, revoked_at INTEGER, last_used_at INTEGER, last_used_from TEXT) STRICT;
        CREATE INDEX api_tokens_by_user ON api_tokens(tenant, name);
        CREATE TABLE secrets(name TEXT PRIMARY KEY, body BLOB NOT NULL) STRICT;
        CREATE TABLE audit(number INTEGER PRIMARY KEY, at INTEGER NOT NULL, actor TEXT NOT NULL,
            action TEXT NOT NULL, subject TEXT NOT NULL, outcome TEXT NOT NULL, detail TEXT, tenant TEXT, origin TEXT,
            request TEXT, before_body TEXT, after_body TEXT, seal BLOB NOT NULL) STRICT;
        CREATE TABLE audit_ends(which TEXT PRIMARY KEY, number INTEGER NOT NULL, seal BLOB NOT NULL,
            proof BLOB NOT NULL) STRICT;
        """,
        // The latest runs of each group, for its status.
        "CREATE INDEX runs_by_group ON runs(name, created_at);",
        // Service levels, usage, drills by calendar.
        """
        CREATE TABLE level_marks(name TEXT PRIMARY KEY, at INTEGER NOT NULL, class INTEGER NOT NULL) STRICT;
        CREATE TABLE level_months(name TEXT NOT NULL, month INTEGER NOT NULL, class INTEGER NOT NULL,
            ms INTEGER NOT NULL, PRIMARY KEY(name, month, class)) STRICT;
        CREATE TABLE usage_marks(name TEXT PRIMARY KEY, at INTEGER NOT NULL) STRICT;
        CREATE TABLE usage_days(name TEXT NOT NULL, tenant TEXT NOT NULL, day INTEGER NOT NULL,
            meter INTEGER NOT NULL, amount INTEGER NOT NULL, PRIMARY KEY(name, day, meter)) STRICT;
        CREATE INDEX usage_by_day ON usage_days(day);
        CREATE TABLE usage_counters(name TEXT NOT NULL, stream TEXT NOT NULL, changed INTEGER NOT NULL,
            wire INTEGER NOT NULL, PRIMARY KEY(name, stream)) STRICT;
        CREATE TABLE usage_drills(run TEXT NOT NULL, name TEXT NOT NULL, tenant TEXT NOT NULL, day INTEGER NOT NULL,
            amount INTEGER NOT NULL, PRIMARY KEY(run, day)) STRICT;
        CREATE TABLE prices(name TEXT PRIMARY KEY, body TEXT NOT NULL) STRICT;
        CREATE TABLE drills(name TEXT PRIMARY KEY, ended_at INTEGER NOT NULL, body TEXT NOT NULL) STRICT;
        CREATE TABLE due_drills(name TEXT PRIMARY KEY, body TEXT NOT NULL) STRICT;
        ALTER TABLE runs ADD COLUMN ended_at INTEGER;
        CREATE INDEX runs_by_end ON runs(ended_at);
        CREATE TABLE drill_calendars(name TEXT PRIMARY KEY, calendar TEXT NOT NULL, since INTEGER NOT NULL) STRICT;
        """,
        // Policies with names, and the version of each that all its groups have.
        """
        CREATE TABLE policies(name TEXT PRIMARY KEY, version INTEGER NOT NULL, followed INTEGER NOT NULL,
            body TEXT NOT NULL) STRICT;
        """,
        // How often a table was written: so what is kept in memory of it is known to be the newest (decision 0037).
        """
        CREATE TABLE revisions(name TEXT PRIMARY KEY, number INTEGER NOT NULL) STRICT;
        ALTER TABLE groups ADD COLUMN revision INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE specs ADD COLUMN revision INTEGER NOT NULL DEFAULT 0;
        CREATE INDEX groups_by_revision ON groups(revision);
        CREATE INDEX specs_by_revision ON specs(revision);
        """,
        // The last run that decided where the instances of a group run, for what recovery is charged.
        """
        CREATE TABLE usage_moves(name TEXT PRIMARY KEY, ended_at INTEGER NOT NULL, since INTEGER) STRICT;
        """,
        // Policies are exchanged with other sites: counted as groups are, and kept when they were deleted.
        """
        ALTER TABLE policies ADD COLUMN revision INTEGER NOT NULL DEFAULT 0;
        CREATE INDEX policies_by_revision ON policies(revision);
        """,
        // What one controller of several changes at a time.
        """
        CREATE TABLE locks(name TEXT PRIMARY KEY, holder TEXT, term INTEGER NOT NULL, writes INTEGER NOT NULL,
            expires_at INTEGER NOT NULL) STRICT;
        """,
        // What is removed when it was kept long enough: of runs the last of each kind stays, and the last good one.
        new(Retention("INTEGER", "json_extract(body, '$.{0}')"), Retention("BIGINT", "body::json ->> '{0}'")),
        // Evacuations, and the groups of those under way: each is in one at a time.
        """
        CREATE TABLE evacuations(id TEXT PRIMARY KEY, tenant TEXT, created_at INTEGER NOT NULL,
            finished INTEGER NOT NULL, ended_at INTEGER, request_key TEXT, revision INTEGER NOT NULL,
            body TEXT NOT NULL) STRICT;
        CREATE UNIQUE INDEX one_evacuation_per_key ON evacuations(request_key) WHERE request_key IS NOT NULL;
        CREATE INDEX evacuations_by_time ON evacuations(created_at);
        CREATE TABLE evacuees(name TEXT PRIMARY KEY, evacuation TEXT NOT NULL) STRICT;
        """,
        // Points of groups that backups move: at both sites, for each can be the only one left.
        """
        CREATE TABLE backup_points(id TEXT PRIMARY KEY, name TEXT NOT NULL, sequence INTEGER NOT NULL,
            body TEXT NOT NULL) STRICT;
        CREATE INDEX backup_points_by_group ON backup_points(name, sequence);
        """,
        // What projects of other sites are like, newest versions; times in milliseconds.
        """
        CREATE TABLE projects(name TEXT NOT NULL, version INTEGER NOT NULL, taken_at INTEGER NOT NULL,
            seen_at INTEGER NOT NULL, body TEXT NOT NULL, PRIMARY KEY(name, version)) STRICT;
        """,
    ];

    // Up to which number events were removed, so that who resumes is told.
    private static string Retention(string number, string member)
    {
        string Of(string name) => string.Format(CultureInfo.InvariantCulture, member, name);
        return $"""
            ALTER TABLE runs ADD COLUMN kind TEXT;
            ALTER TABLE runs ADD COLUMN good {number};
            UPDATE runs SET kind = {Of("kind")},
                good = CASE WHEN {Of("state")} IN ('succeeded', 'succeeded-with-warnings') THEN 1 ELSE 0 END;
            CREATE INDEX runs_by_kind ON runs(name, kind, created_at);
            ALTER TABLE alerts ADD COLUMN ended_at {number};
            INSERT INTO revisions(name, number)
                SELECT 'site_events_removed', number - 1 FROM site_events WHERE number > 1 ORDER BY number LIMIT 1;
            """;
    }
}
