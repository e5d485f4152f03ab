// SPDX-License-Identifier: Apache-2.0
using Dapper;
using Lifeboat.Contracts.Peers;
using Lifeboat.Protection.Groups;

namespace Lifeboat.Controller.Storage;

/// <summary>What was found of groups whose two sides both wrote: one notice a group, of its newest fork.</summary>
internal sealed class DivergenceStore(ControllerDatabase database)
{
    /// <summary>The notice about the group's open fork; null: none, or that fork is over.</summary>
    public DivergenceNotice? Of(GroupDefinition group)
    {
        if (group.Fork is not { Loser: null } fork) return null;
        using var connection = database.Open();
        var body = connection.QuerySingleOrDefault<string>("SELECT body FROM divergences WHERE name = @Name",
            new { group.Name });
        return body is not null && StoredJson.Read<DivergenceNotice>(body) is var notice && notice.Began == fork.Began
            ? notice : null;
    }

    /// <summary>The notices about open forks of these groups, by group.</summary>
    public IReadOnlyDictionary<string, DivergenceNotice> Open(IEnumerable<GroupDefinition> groups)
    {
        var all = All().ToDictionary(n => n.Group, StringComparer.Ordinal);
        var open = from g in groups
                   where g.Fork is { Loser: null } && all.GetValueOrDefault(g.Name)?.Began == g.Fork!.Began
                   select all[g.Name];
        return open.ToDictionary(n => n.Group, StringComparer.Ordinal);
    }

    /// <summary>All that were ever kept; whether one still holds, the group's fork says.</summary>
    public IReadOnlyList<DivergenceNotice> All()
    {
        using var connection = database.Open();
        return [.. connection.Query<string>("SELECT body FROM divergences ORDER BY name")
            .Select(StoredJson.Read<DivergenceNotice>)];
    }

    public void Save(DivergenceNotice notice)
    {
        using var connection = database.Open();
        connection.Execute("""
            INSERT INTO divergences(name, body) VALUES(@Group, @Body)
            ON CONFLICT(name) DO UPDATE SET body = excluded.body
            """, new { notice.Group, Body = StoredJson.Write(notice) });
    }
}
