// SPDX-License-Identifier: Apache-2.0
using System.Data.Common;
using Dapper;
using Lifeboat.Contracts.Peers;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;
using Lifeboat.Protection.Merging;

namespace Lifeboat.Controller.Storage;

/// <summary>The state that a group is in, and since when.</summary>
internal sealed record NotedState(GroupState State, ReasonCode Reason, DateTimeOffset Since)
{
    public bool Is(GroupState state, ReasonCode reason) => State == state && Reason == reason;
}

/// <summary>Group definitions, deleted ones too, and since when each is in the state it is in.</summary>
internal sealed class GroupStore(ControllerDatabase database, GroupFiles files)
{
    private readonly RevisedRows<GroupRecord> _rows = new("groups", (connection, seen) => connection.Query<Row>(
        "SELECT name, removed, definition FROM groups WHERE revision > @seen", new { seen })
        .Select(r => (r.Name, r.Record())));

    /// <summary>All of them by name, as they are now: for who looks at many.</summary>
    public IReadOnlyDictionary<string, GroupRecord> Now()
    {
        using var connection = database.Open();
        return _rows.Read(connection);
    }

    public GroupRecord? Find(string group) => Now().GetValueOrDefault(group);

    public IReadOnlyList<GroupRecord> All() => [.. Now().Values];

    /// <summary>Of those that were not deleted.</summary>
    public IReadOnlyList<string> Names() => [.. Now().Where(r => !r.Value.Removed).Select(r => r.Key)];

    /// <summary>What this site and the other both need to know.</summary>
    public IReadOnlyList<GroupRecord> SharedWith(string site) =>
        [.. All().Where(r => r.Definition.PrimarySite == site || r.Definition.RecoverySite == site)];

    /// <summary>The group that has this instance of the site as a member. What a volume-only group calls its volumes
    /// is none.</summary>
    public GroupDefinition? WithMember(string instance) => All()
        .Where(r => !r.Removed).Select(r => r.Definition)
        .FirstOrDefault(d => d.Members.Any(m => m.Kind is not MemberKind.VolumeOnly && m.Instance == instance));

    public void Save(GroupRecord record)
    {
        var name = record.Definition.Name;
        var moved = Find(name) is { } known && known.Definition.Epoch != record.Definition.Epoch;
        using var connection = database.Open();
        using var transaction = connection.BeginTransaction();
        database.Fence(connection, transaction, name);
        var revision = _rows.Next(connection, transaction);
        // Another epoch is another stretch of its life: it is not protected, or failed over, since before that.
        if (moved) connection.Execute("DELETE FROM group_states WHERE name = @name", new { name }, transaction);
        connection.Execute("""
            INSERT INTO groups(name, removed, definition, revision) VALUES(@name, @removed, @definition, @revision)
            ON CONFLICT(name) DO UPDATE SET
                removed = excluded.removed, definition = excluded.definition, revision = excluded.revision
            """, new
        {
            name,
            removed = record.Removed ? 1 : 0,
            definition = StoredJson.Write(record.Definition),
            revision,
        }, transaction);
        transaction.Commit();
        files.Write(record);
    }

    /// <summary>The states that groups are in, as they were noted last.</summary>
    public IReadOnlyDictionary<string, NotedState> States()
    {
        using var connection = database.Open();
        return connection.Query<StateRow>("SELECT name, state, reason, since FROM group_states")
            .ToDictionary(r => r.Name, r => r.Noted(), StringComparer.Ordinal);
    }

    /// <returns>Since when the group is in this state for this reason.</returns>
    public DateTimeOffset Since(string group, GroupState state, ReasonCode reason, DateTimeOffset now)
    {
        using var connection = database.Open();
        var known = connection.QuerySingleOrDefault<StateRow>(
            "SELECT name, state, reason, since FROM group_states WHERE name = @group", new { group })?.Noted();
        if (known is not null && known.Is(state, reason)) return known.Since;
        Note(connection, group, new NotedState(state, reason, now));
        return now;
    }

    /// <summary>Notes the states of groups that are in another one than before.</summary>
    public void Note(IReadOnlyDictionary<string, NotedState> states)
    {
        using var connection = database.Open();
        using var transaction = connection.BeginTransaction();
        // In one order: others that note the same groups wait, and not for each other.
        foreach (var (group, state) in states.OrderBy(s => s.Key, StringComparer.Ordinal))
            Note(connection, group, state, transaction);
        transaction.Commit();
    }

    private static void Note(DbConnection connection, string group, NotedState noted,
        DbTransaction? transaction = null) => connection.Execute("""
        INSERT INTO group_states(name, state, reason, since) VALUES(@group, @state, @reason, @since)
        ON CONFLICT(name) DO UPDATE SET state = excluded.state, reason = excluded.reason, since = excluded.since
        """, new
    {
        group,
        state = (long)noted.State,
        reason = (long)noted.Reason,
        since = noted.Since.ToUnixTimeMilliseconds(),
    }, transaction);

    private sealed class Row
    {
        public string Name { get; init; } = "";
        public long Removed { get; init; }
        public string Definition { get; init; } = "";

        // Without edits: by a release that did not number them, or of a group that nobody edited since.
        public GroupRecord Record() => StoredJson.Read<GroupDefinition>(Definition) is var read && read.Edits is null
            ? new(read with { Edits = MergedFields.None }, Removed != 0) : new(read, Removed != 0);
    }

    private sealed class StateRow
    {
        public string Name { get; init; } = "";
        public long State { get; init; }
        public long Reason { get; init; }
        public long Since { get; init; }

        public NotedState Noted() => new((GroupState)State, (ReasonCode)Reason,
            DateTimeOffset.FromUnixTimeMilliseconds(Since));
    }
}
