// SPDX-License-Identifier: Apache-2.0
using System.Data.Common;
using Dapper;
using Lifeboat.Contracts.Api;
using Lifeboat.Contracts.Sites;

namespace Lifeboat.Controller.Storage;

/// <summary>Descriptions of the projects of other sites: a version for each change that was seen.</summary>
internal sealed class ProjectStore(ControllerDatabase database, TimeProvider time)
{
    /// <summary>Of one site; the oldest go.</summary>
    private const int Versions = 30;
    private const string Columns = "name, version, taken_at AS takenAt, seen_at AS seenAt, body";

    /// <summary>Of each site the newest first.</summary>
    public IReadOnlyList<KeptProject> All() => Query("ORDER BY name, version DESC", new { });

    /// <param name="version">Null: the newest one.</param>
    public KeptProject? Find(string site, long? version) => (version is null
        ? Query("WHERE name = @site ORDER BY version DESC LIMIT 1", new { site })
        : Query("WHERE name = @site AND version = @version", new { site, version })).FirstOrDefault();

    /// <summary>The one that is kept is confirmed when it says the same.</summary>
    public KeptProject Keep(string site, ProjectDescription project)
    {
        while (true)
        {
            try
            {
                return KeepOnce(site, project);
            }
            catch (DbException e) when (database.IsDuplicate(e))
            {
                // Another controller was first.
            }
        }
    }

    private KeptProject KeepOnce(string site, ProjectDescription project)
    {
        var (body, now) = (StoredJson.Write(project), time.GetUtcNow().ToUnixTimeMilliseconds());
        var newest = Find(site, null);
        var same = newest is not null && StoredJson.Write(newest.Project) == body;
        var version = (newest?.Version ?? 0) + (same ? 0 : 1);
        using var connection = database.Open();
        using var transaction = connection.BeginTransaction();
        if (same)
            connection.Execute("UPDATE projects SET seen_at = @now WHERE name = @site AND version = @version",
                new { site, version, now }, transaction);
        else
            connection.Execute("""
                INSERT INTO projects(name, version, taken_at, seen_at, body) VALUES(@site, @version, @now, @now, @body)
                """, new { site, version, now, body }, transaction);
        connection.Execute("DELETE FROM projects WHERE name = @site AND version <= @oldest",
            new { site, oldest = version - Versions }, transaction);
        transaction.Commit();
        return Find(site, version)!;
    }

    private List<KeptProject> Query(string where, object parameters)
    {
        using var connection = database.Open();
        return
        [
            .. connection.Query<Row>($"SELECT {Columns} FROM projects {where}", parameters).Select(r => new KeptProject(
                r.Name, r.Version, DateTimeOffset.FromUnixTimeMilliseconds(r.TakenAt),
                DateTimeOffset.FromUnixTimeMilliseconds(r.SeenAt), StoredJson.Read<ProjectDescription>(r.Body))),
        ];
    }

    private sealed record Row(string Name, long Version, long TakenAt, long SeenAt, string Body);
}
