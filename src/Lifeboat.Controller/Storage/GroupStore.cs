// SPDX-License-Identifier: Apache-2.0
using Dapper;
using Lifeboat.Contracts.Peers;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;

namespace Lifeboat.Controller.Storage;

/// <summary>Group definitions, deleted ones too, and since when each is in the state it is in.</summary>
internal sealed class GroupStore(ControllerDatabase database, GroupFiles files)
{
    public GroupRecord? Find(string group)
    {
        using var connection = database.Open();
        return connection.QuerySingleOrDefault<Row>("SELECT removed, definition FROM groups WHERE name = @group",
            new { group })?.Record();
    }

    public IReadOnlyList<GroupRecord> All()
    {
        using var connection = database.Open();
        var rows = connection.Query<Row>("SELECT removed, definition FROM groups ORDER BY name");
        return [.. rows.Select(r => r.Record())];
    }

    /// <summary>Of those that were not deleted.</summary>
    public IReadOnlyList<string> Names()
    {
        using var connection = database.Open();
        return [.. connection.Query<string>("SELECT name FROM groups WHERE removed = 0 ORDER BY name")];
    }

    /// <summary>What this site and the other both need to know.</summary>
    public IReadOnlyList<GroupRecord> SharedWith(string site) =>
        [.. All().Where(r => r.Definition.PrimarySite == site || r.Definition.RecoverySite == site)];

    /// <summary>The group that has this instance of the site as a member.</summary>
    public GroupDefinition? WithMember(string instance)
    {
        using var connection = database.Open();
        // Few have it in their text, and only those are read. A name has no character that LIKE takes for another.
        return connection.Query<Row>("SELECT removed, definition FROM groups WHERE removed = 0 "
            + "AND definition LIKE @text ORDER BY name", new { text = $"%\"instance\":\"{instance}\"%" })
            .Select(r => r.Record().Definition)
            .FirstOrDefault(d => d.Members.Any(m => m.Instance == instance));
    }

    public void Save(GroupRecord record)
    {
        var moved = Find(record.Definition.Name) is { } known && known.Definition.Epoch != record.Definition.Epoch;
        using var connection = database.Open();
        // Another epoch is another stretch of its life: it is not protected, or failed over, since before that.
        if (moved) connection.Execute("DELETE FROM group_states WHERE name = @Name", new { record.Definition.Name });
        connection.Execute("""
            INSERT INTO groups(name, removed, definition) VALUES(@Name, @Removed, @Definition)
            ON CONFLICT(name) DO UPDATE SET removed = excluded.removed, definition = excluded.definition
            """, new
        {
            record.Definition.Name,
            Removed = record.Removed ? 1 : 0,
            Definition = StoredJson.Write(record.Definition),
        });
        files.Write(record);
    }

    /// <returns>Since when the group is in this state for this reason.</returns>
    public DateTimeOffset Since(string group, GroupState state, ReasonCode reason, DateTimeOffset now)
    {
        using var connection = database.Open();
        var known = connection.QuerySingleOrDefault<StateRow>(
            "SELECT state, reason, since FROM group_states WHERE name = @group", new { group });
        if (known is not null && known.State == (long)state && known.Reason == (long)reason)
            return DateTimeOffset.FromUnixTimeMilliseconds(known.Since);
        connection.Execute("""
            INSERT INTO group_states(name, state, reason, since) VALUES(@group, @state, @reason, @since)
            ON CONFLICT(name) DO UPDATE SET state = excluded.state, reason = excluded.reason, since = excluded.since
            """, new { group, state = (long)state, reason = (long)reason, since = now.ToUnixTimeMilliseconds() });
        return now;
    }

    private sealed class Row
    {
        public long Removed { get; init; }
        public string Definition { get; init; } = "";

        public GroupRecord Record() => new(StoredJson.Read<GroupDefinition>(Definition), Removed != 0);
    }

    private sealed class StateRow
    {
        public long State { get; init; }
        public long Reason { get; init; }
        public long Since { get; init; }
    }
}
